//! Puts each alert in front of the right adult, and takes it back.
