//! One process on one SQLite file.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

/// Held as long as the database is open; the system lets go of it when the process dies.
#[derive(Debug)]
pub(super) struct ProcessLock(
    #[expect(dead_code, reason = "the lock lives as long as the file is open")] File,
);

/// The lock was not to be had.
pub(super) enum LockError {
    /// Another process has it.
    Held,
    /// The file cannot be made or locked.
    Io(io::Error),
}

impl ProcessLock {
    /// Locks `database`, or says who stands in the way.
    pub(super) fn take(database: &Path) -> Result<Self, LockError> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(beside(database))
            .map_err(LockError::Io)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(LockError::Held),
            Err(TryLockError::Error(error)) => Err(LockError::Io(error)),
        }
    }
}

/// Whether another process has it. Leaves nothing behind.
pub(super) fn is_held(database: &Path) -> io::Result<bool> {
    let file = match File::open(beside(database)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The lock has a file of its own: SQLite's own locks on the database must not meet it.
fn beside(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}
