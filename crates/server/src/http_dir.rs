//! The files that a WebSocket listener serves to browsers, such as a page that speaks MQTT.
//!
//! All are read when the listener is configured, and again when it is configured anew: a shard never
//! waits for this disk, and what is not below the directory at that moment cannot be asked for. The
//! price is memory, so this is for pages and not for downloads; the limits say how much.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ferrymq_transport::websocket::{Page, Pages};

/// Why a directory cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpDirError {
    /// Something cannot be read.
    #[error("cannot read {}: {source}. Let this user read all files of http_dir", path.display())]
    Unreadable {
        /// What.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file is too large.
    #[error(
        "{} has more than {FILE_MAXIMUM} bytes. http_dir keeps its files in memory: let a web \
         server serve this one", path.display()
    )]
    FileTooLarge {
        /// Which.
        path: PathBuf,
    },
    /// All files together are too large.
    #[error(
        "the files in {} have more than {TOTAL_MAXIMUM} bytes. http_dir keeps its files in memory: \
         let a web server serve them", path.display()
    )]
    TooLarge {
        /// The directory.
        path: PathBuf,
    },
    /// There are too many files, or folders in folders.
    #[error(
        "{} has more than {FILES_MAXIMUM} files or {DEPTH_MAXIMUM} folders in each other. http_dir \
         is for a few pages: let a web server serve these", path.display()
    )]
    TooMany {
        /// The directory.
        path: PathBuf,
    },
}

/// Reads all files of a directory and its folders. A folder that has an `index.html` is served as
/// that. What is hidden (its name begins with a dot) is not served, except `.well-known`, and
/// neither is a link that leads out of the directory, or to a folder.
///
/// # Errors
///
/// [`HttpDirError`]: the first file that cannot be read, or the limit that would be exceeded.
pub fn read(directory: &Path) -> Result<Pages, HttpDirError> {
    let root = directory.canonicalize().map_err(|source| unreadable(directory, source))?;
    let mut reading = Reading { root, pages: Pages::default(), bytes: 0 };
    let mut folders = vec![(reading.root.clone(), "/".to_owned(), 0)];
    while let Some((folder, path, depth)) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|source| unreadable(&folder, source))? {
            let entry = entry.map_err(|source| unreadable(&folder, source))?;
            // What is not UTF-8 cannot stand in the target of a request.
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
            if name.starts_with('.') && name != WELL_KNOWN {
                continue;
            }
            let kind = entry.file_type().map_err(|source| unreadable(&entry.path(), source))?;
            if !kind.is_dir() {
                reading.take(&entry.path(), &path, &name)?;
            } else if depth == DEPTH_MAXIMUM {
                return Err(HttpDirError::TooMany { path: reading.root });
            } else {
                folders.push((entry.path(), format!("{path}{name}/"), depth + 1));
            }
        }
    }
    Ok(reading.pages)
}

struct Reading {
    root: PathBuf,
    pages: Pages,
    bytes: usize,
}

impl Reading {
    /// Reads one file, if it is one and inside.
    fn take(&mut self, file: &Path, folder: &str, name: &str) -> Result<(), HttpDirError> {
        let Ok(real) = file.canonicalize() else {
            // A link to nothing is nothing.
            return Ok(());
        };
        let metadata = fs::metadata(&real).map_err(|source| unreadable(file, source))?;
        if !metadata.is_file() || !real.starts_with(&self.root) {
            return Ok(());
        }
        if metadata.len() > FILE_MAXIMUM as u64 {
            return Err(HttpDirError::FileTooLarge { path: file.to_owned() });
        }
        let body = fs::read(&real).map_err(|source| unreadable(file, source))?;
        self.bytes = self.bytes.saturating_add(body.len());
        if self.bytes > TOTAL_MAXIMUM {
            return Err(HttpDirError::TooLarge { path: self.root.clone() });
        }
        let page = Page { content_type: content_type(name), body: body.into() };
        self.pages.insert(format!("{folder}{name}"), page);
        if self.pages.len() > FILES_MAXIMUM {
            return Err(HttpDirError::TooMany { path: self.root.clone() });
        }
        Ok(())
    }
}

fn unreadable(path: &Path, source: io::Error) -> HttpDirError {
    HttpDirError::Unreadable { path: path.to_owned(), source }
}

/// What a file is, by the end of its name. These are what pages are made of.
fn content_type(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension.to_ascii_lowercase().as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" | "md" => "text/plain; charset=utf-8",
        "xml" => "application/xml",
        "csv" => "text/csv; charset=utf-8",
        "pdf" => "application/pdf",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/vnd.microsoft.icon",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "ttf" => "font/ttf",
        "mp3" => "audio/mpeg",
        "mp4" => "video/mp4",
        _ => "application/octet-stream",
    }
}

/// The most bytes of one file.
const FILE_MAXIMUM: usize = 4 * 1024 * 1024;

/// The most bytes of all files of a listener.
const TOTAL_MAXIMUM: usize = 64 * 1024 * 1024;

/// The most paths that a listener serves.
const FILES_MAXIMUM: usize = 10_000;

/// The most folders in each other.
const DEPTH_MAXIMUM: usize = 16;

const WELL_KNOWN: &str = ".well-known";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_directory_and_its_folders_are_pages() {
        let directory = tempfile::tempdir().expect("a directory");
        let write = |path: &str, body: &str| {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, body).expect("a file");
        };
        write("index.html", "<p>");
        write("app/index.html", "<b>");
        write("app/main.JS", "1");
        write("app/data", "?");
        write(".well-known/x.txt", "w");
        let pages = read(directory.path()).expect("a directory to serve");
        for (path, content_type, body) in [
            ("/", "text/html; charset=utf-8", "<p>"),
            ("/index.html", "text/html; charset=utf-8", "<p>"),
            ("/app/", "text/html; charset=utf-8", "<b>"),
            ("/app/main.JS", "text/javascript; charset=utf-8", "1"),
            ("/app/data", "application/octet-stream", "?"),
            ("/.well-known/x.txt", "text/plain; charset=utf-8", "w"),
        ] {
            let page = pages.find(path).expect(path);
            assert_eq!((page.content_type, &*page.body), (content_type, body.as_bytes()), "{path}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_is_outside_hidden_or_no_file_is_not_served() {
        use std::os::unix::fs::symlink;

        let outside = tempfile::tempdir().expect("a directory");
        fs::write(outside.path().join("secret"), "s").expect("a file");
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path();
        fs::create_dir(root.join("folder")).expect("a folder");
        fs::write(root.join("folder/page"), "p").expect("a file");
        fs::write(root.join(".htpasswd"), "h").expect("a file");
        symlink(outside.path().join("secret"), root.join("file")).expect("a link");
        symlink(outside.path(), root.join("out")).expect("a link");
        symlink(root, root.join("folder/round")).expect("a link");
        symlink("nowhere", root.join("nothing")).expect("a link");
        symlink("folder/page", root.join("page")).expect("a link");
        let pages = read(root).expect("a directory to serve");
        assert_eq!(pages.len(), 2);
        assert!(pages.find("/page").is_some() && pages.find("/folder/page").is_some());
        for path in ["/file", "/out/secret", "/../secret", "/folder/../page", "/.htpasswd"] {
            assert_eq!(pages.find(path), None, "{path}");
        }
    }

    #[test]
    fn what_cannot_be_served_is_said_with_its_name() {
        let directory = tempfile::tempdir().expect("a directory");
        let missing = read(&directory.path().join("missing")).expect_err("there is none");
        assert!(missing.to_string().contains("missing"), "{missing}");
        fs::write(directory.path().join("big.iso"), vec![0; FILE_MAXIMUM + 1]).expect("a file");
        let error = read(directory.path()).expect_err("it is too large").to_string();
        assert!(error.contains("big.iso") && error.contains("4194304"), "{error}");
    }
}
