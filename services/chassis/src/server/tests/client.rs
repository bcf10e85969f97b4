//! A running pair of doors and plain clients of them.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::service::Routes;

use crate::component::{Component, Readiness};
use crate::lifecycle::TaskGroup;
use crate::server::{Doors, Error, Limits};
use crate::tls::TlsFiles;

/// Nothing in these tests takes this long unless it is broken.
pub(super) const DEADLINE: Duration = Duration::from_secs(20);

/// A process with one component, `desk`.
pub(super) struct Desk {
    pub(super) tasks: TaskGroup,
    pub(super) http: SocketAddr,
    pub(super) grpc: SocketAddr,
    running: JoinHandle<Result<(), Error>>,
}

impl Desk {
    pub(super) async fn open(router: Router, tls: Option<TlsFiles>, limits: Limits) -> Self {
        Self::open_more(router, Doors { tls, limits, ..Doors::default() }).await
    }

    /// With these doors too.
    pub(super) async fn open_more(router: Router, more: Doors) -> Self {
        let tasks = TaskGroup::default();
        let http = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let grpc = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addresses = (http.local_addr().unwrap(), grpc.local_addr().unwrap());
        let component = Component {
            name: "desk",
            http: Some(router),
            grpc: Some(Routes::default()),
            grpc_services: vec!["homeroom.desk.v1.Desk"],
            ready: Box::new(|| Readiness::Ready),
        };
        let doors = Doors { http: Some(http), grpc: Some(grpc), ..more };
        #[expect(clippy::disallowed_methods, reason = "the test waits for it in `closed`")]
        let running = tokio::spawn(doors.run(tasks.clone(), vec![component]));
        Self { tasks, http: addresses.0, grpc: addresses.1, running }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.http)
    }

    /// How the process ended.
    pub(super) async fn closed(self) -> Result<(), Error> {
        tokio::time::timeout(DEADLINE, self.running).await.expect("it ends in time").unwrap()
    }
}

/// A client with a connection of its own.
pub(super) fn client() -> reqwest::Client {
    builder().build().unwrap()
}

pub(super) fn builder() -> reqwest::ClientBuilder {
    crate::tls::install_provider();
    reqwest::Client::builder().timeout(DEADLINE).no_proxy()
}
