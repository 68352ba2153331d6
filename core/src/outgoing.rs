//! The message as it leaves by direct delivery or as `.eml`: byte for byte what came in, less the control headers.

// API: head(&Head) -> Vec<u8>: the header section with control headers removed (incl. Bcc, Return-Path), ends with the empty line; body follows untouched from head.body_at().
//  pub fn strip(message_head: &[u8]) -> Result<(Vec<u8>, usize /*body_at*/), HeadError>
