//! A listening Unix socket, and the file that others know it by.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

/// A socket that listens at a path. The file goes with it. Who may connect is decided by the rights
/// of the file, which follow the umask of the process, and by those of its directory.
#[derive(Debug)]
pub(crate) struct UnixSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and number of the file that we have made.
    file: Option<(u64, u64)>,
}

impl UnixSocket {
    /// Binds a path. A socket file at which nobody listens any more is replaced.
    pub(crate) fn bind(path: &Path, backlog: u16) -> io::Result<Self> {
        let listener = match try_bind(path, backlog) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_left_over(path) => {
                std::fs::remove_file(path)?;
                try_bind(path, backlog)?
            }
            bound => bound?,
        };
        Ok(Self { listener, path: path.to_owned(), file: identity(path) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The same listener once more, for another poller.
    pub(crate) fn share(&self) -> io::Result<mio::net::UnixListener> {
        self.listener.try_clone().map(mio::net::UnixListener::from_std)
    }
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        // Another process may have put its own socket there.
        if self.file.is_some()
            && self.file == identity(&self.path)
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            tracing::debug!(%error, path = %self.path.display(), "cannot remove a socket file");
        }
    }
}

fn try_bind(path: &Path, backlog: u16) -> io::Result<UnixListener> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    socket.listen(i32::from(backlog))?;
    socket.set_nonblocking(true)?;
    Ok(OwnedFd::from(socket).into())
}

/// Whether this is a socket file without anybody who listens: what a process leaves behind that was
/// killed.
fn is_left_over(path: &Path) -> bool {
    let is_socket = path.symlink_metadata().is_ok_and(|metadata| metadata.file_type().is_socket());
    is_socket
        && UnixStream::connect(path)
            .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    path.symlink_metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_goes_with_the_socket_and_no_other_file_does() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mqtt.sock");
        let socket = UnixSocket::bind(&path, 16).unwrap();
        let again = UnixSocket::bind(&path, 16).expect_err("somebody listens there");
        assert_eq!(again.kind(), io::ErrorKind::AddrInUse);
        UnixStream::connect(&path).expect("the first one still listens");
        drop(socket);
        assert!(!path.exists());

        std::fs::write(&path, "somebody's words").unwrap();
        UnixSocket::bind(&path, 16).expect_err("this is no socket");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "somebody's words");
    }

    #[test]
    fn file_that_a_killed_process_left_is_replaced_and_a_newer_one_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mqtt.sock");
        // A listener of the standard library leaves its file behind.
        drop(UnixListener::bind(&path).unwrap());
        let ours = UnixSocket::bind(&path, 16).unwrap();
        UnixStream::connect(&path).expect("we listen");
        std::fs::remove_file(&path).unwrap();
        let theirs = UnixListener::bind(&path).unwrap();
        drop(ours);
        UnixStream::connect(&path).expect("the file of the other one is still there");
        drop(theirs);
    }
}
