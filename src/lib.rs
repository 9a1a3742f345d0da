//! Opens the memory that a device left behind when it crashed.
