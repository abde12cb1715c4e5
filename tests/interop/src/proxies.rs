//! What may stand between a tool and a broker: a proxy that says who comes through it
//! (PROXY protocol), and one that is told where to go (SOCKS5).

use std::io::{self, Read, Write, copy};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// A proxy on loopback that serves as long as the test runs.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    /// What SOCKS5 clients have asked for.
    requests: Receiver<SocksRequest>,
}

/// What a SOCKS5 client has asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocksRequest {
    /// The host as the client has named it: the proxy resolves it.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The address from which the client has come.
    pub from: SocketAddr,
}

/// A name and a password.
pub type SocksAccount = (&'static str, &'static str);

impl Proxy {
    /// A proxy that puts this before what each client says to the broker.
    ///
    /// # Panics
    /// Without a loopback interface.
    pub fn with_header(broker: u16, header: &'static [u8]) -> Self {
        Self::start(move |client, _| {
            let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, broker))?;
            server.write_all(header)?;
            join(client, server)
        })
    }

    /// A SOCKS5 proxy (RFC 1928) that serves everybody, or whoever has this account (RFC 1929).
    ///
    /// # Panics
    /// Without a loopback interface.
    pub fn socks(account: Option<SocksAccount>) -> Self {
        Self::start(move |mut client, requests| {
            let asked = negotiate(&mut client, account)?;
            let server = TcpStream::connect((asked.host.as_str(), asked.port))?;
            // Succeeded; the address it is bound to interests nobody.
            client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
            // The test may not be interested in who comes.
            let _ = requests.send(asked);
            join(client, server)
        })
    }

    /// The port on loopback where it listens.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// What has been asked for, in order, since this was called last.
    pub fn requests(&self) -> Vec<SocksRequest> {
        self.requests.try_iter().collect()
    }

    fn start(
        serve: impl Fn(TcpStream, &Sender<SocksRequest>) -> io::Result<()> + Clone + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback is there");
        let port = listener.local_addr().expect("it is bound").port();
        let (sender, requests) = channel();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (serve, sender) = (serve.clone(), sender.clone());
                // A client that is refused sees that its connection ends.
                thread::spawn(move || drop(serve(client, &sender)));
            }
        });
        Self { port, requests }
    }
}

/// The client's greeting, its account and its request, each answered.
fn negotiate(client: &mut TcpStream, account: Option<SocksAccount>) -> io::Result<SocksRequest> {
    let [version, methods] = read(client)?;
    let mut offered = vec![0; methods.into()];
    client.read_exact(&mut offered)?;
    let method = if account.is_some() { BY_PASSWORD } else { BY_NOTHING };
    if version != 5 || !offered.contains(&method) {
        client.write_all(&[5, 0xFF])?;
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    client.write_all(&[5, method])?;
    if let Some((name, password)) = account {
        let [_] = read(client)?;
        let given = (text(client)?, text(client)?);
        let is_right = given.0 == name && given.1 == password;
        client.write_all(&[1, u8::from(!is_right)])?;
        if !is_right {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
    }
    let [_, command, _, kind] = read(client)?;
    let host = match kind {
        1 => Ipv4Addr::from(read::<4>(client)?).to_string(),
        3 => text(client)?,
        _ => return Err(io::ErrorKind::Unsupported.into()),
    };
    let port = u16::from_be_bytes(read(client)?);
    if command != CONNECT {
        return Err(io::ErrorKind::Unsupported.into());
    }
    Ok(SocksRequest { host, port, from: client.peer_addr()? })
}

fn read<const N: usize>(client: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    client.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Text behind one byte of length.
fn text(client: &mut TcpStream) -> io::Result<String> {
    let [length] = read(client)?;
    let mut bytes = vec![0; length.into()];
    client.read_exact(&mut bytes)?;
    String::from_utf8(bytes).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Copies both ways until both have ended.
fn join(client: TcpStream, server: TcpStream) -> io::Result<()> {
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || {
        // An end that is gone already needs no shutdown.
        let _ = copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Write);
    });
    let (mut from_server, mut to_client) = (server, client);
    copy(&mut from_server, &mut to_client)?;
    to_client.shutdown(Shutdown::Write)
}

const BY_NOTHING: u8 = 0;
const BY_PASSWORD: u8 = 2;
const CONNECT: u8 = 1;
