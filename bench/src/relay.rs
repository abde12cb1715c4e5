//! The least that anything between two clients must do: one thread that waits for
//! a readable socket, reads it, and writes the bytes to the other.

use std::io::{ErrorKind, Read, Write};

use anyhow::Result;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

/// Relays between pairs of connections until it is ended.
pub(crate) fn run() -> Result<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(64);
    let mut listener = TcpListener::bind("127.0.0.1:0".parse()?)?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    eprintln!("{LISTENING}{}", listener.local_addr()?.port());
    let mut ends: Vec<TcpStream> = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            match event.token() {
                LISTENER => accept(&listener, &poll, &mut ends)?,
                Token(end) => copy(&mut ends, end, &mut buffer)?,
            }
        }
    }
}

fn accept(listener: &TcpListener, poll: &Poll, ends: &mut Vec<TcpStream>) -> Result<()> {
    loop {
        match listener.accept() {
            Ok((mut stream, _)) => {
                stream.set_nodelay(true)?;
                poll.registry().register(&mut stream, Token(ends.len()), Interest::READABLE)?;
                ends.push(stream);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Copies what is there. A read that does not fill the buffer has emptied the
/// socket, and what a window holds always fits into the other's send buffer.
fn copy(ends: &mut [TcpStream], from: usize, buffer: &mut [u8]) -> Result<()> {
    loop {
        let length = match ends[from].read(buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        // The first and the second connection are a pair, and so on.
        if let (Some(to), 1..) = (ends.get_mut(from ^ 1), length) {
            to.write_all(&buffer[..length])?;
        }
        if length < buffer.len() {
            return Ok(());
        }
    }
}

/// The words before the port on standard error.
pub(crate) const LISTENING: &str = "relaying on port ";

const LISTENER: Token = Token(usize::MAX);
