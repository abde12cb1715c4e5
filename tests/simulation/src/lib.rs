//! A whole broker, its clients, network and clock under one seed.
