//! The wire: protobuf packages and their conversions to domain types.
//!
//! Wire types stop at the door: a service decodes with the functions of [`event`], [`reference`] and [`alert`] and works with
//! domain types from there on.

/// Generated code of the protobuf packages; each item's documentation is its comment in the `.proto` file.
pub mod wire {
    #![expect(missing_docs, clippy::pedantic, clippy::allow_attributes, reason = "generated")]
    /// Package `homeroom.event.v1`.
    pub mod event {
        tonic::include_proto!("homeroom.event.v1");
    }
    /// Package `homeroom.reference.v1`.
    pub mod reference {
        tonic::include_proto!("homeroom.reference.v1");
    }
    /// Package `homeroom.directory.v1`.
    pub mod directory {
        tonic::include_proto!("homeroom.directory.v1");
    }
    /// Package `homeroom.alert.v1`.
    pub mod alert {
        tonic::include_proto!("homeroom.alert.v1");
    }
    /// Package `homeroom.ingest.v1`.
    pub mod ingest {
        tonic::include_proto!("homeroom.ingest.v1");
    }
    /// Package `homeroom.risk.v1`.
    pub mod risk {
        tonic::include_proto!("homeroom.risk.v1");
    }
    /// Package `homeroom.notification.v1`.
    pub mod notification {
        tonic::include_proto!("homeroom.notification.v1");
    }
}

/// The compiled file descriptors, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
