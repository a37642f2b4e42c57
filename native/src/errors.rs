//! Every error that leaves this crate passes here and comes out as the class a caller of stock catches.
