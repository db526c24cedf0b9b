//! From configuration files to an [`Inventory`](crate::inventory::Inventory).
