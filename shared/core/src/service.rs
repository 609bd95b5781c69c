//! Use cases that are the same whichever adapter is behind a port.
