//! The FerryMQ broker on sockets, threads and a clock.
