//! The gRPC clients, each call with the key.

use std::time::Duration;

use anyhow::{Context as _, Result};
use homeroom_proto::wire::notification::alert_feed_client::AlertFeedClient;
use homeroom_proto::wire::risk::risk_explanation_client::RiskExplanationClient;
use homeroom_proto::wire::risk::risk_query_client::RiskQueryClient;
use homeroom_proto::wire::rule::rule_admin_client::RuleAdminClient;
use tonic::codegen::http::uri::Scheme;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Status};

use super::Connection;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// Adds the key to each call.
#[derive(Clone)]
pub(crate) struct Authorize(MetadataValue<Ascii>);

impl Interceptor for Authorize {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// Questions about risk.
pub(crate) type Risk = RiskQueryClient<InterceptedService<Channel, Authorize>>;
/// What figures are made of.
pub(crate) type Explanation = RiskExplanationClient<InterceptedService<Channel, Authorize>>;
/// A district's rules.
pub(crate) type Rules = RuleAdminClient<InterceptedService<Channel, Authorize>>;
/// The feed of alerts.
pub(crate) type Feed = AlertFeedClient<InterceptedService<Channel, Authorize>>;

/// A client for questions about risk. Connects at the first call.
pub(crate) fn risk(connection: &Connection) -> Result<Risk> {
    Ok(RiskQueryClient::with_interceptor(channel(connection)?, authorize(connection)?))
}

/// The largest explanation: a student with a mark a day and hundreds of corrections has a few hundred kB.
const EXPLANATION_BYTES: usize = 64 * 1024 * 1024;

/// A client for what figures are made of. Connects at the first call.
pub(crate) fn explanation(connection: &Connection) -> Result<Explanation> {
    let client = RiskExplanationClient::with_interceptor(channel(connection)?, authorize(connection)?);
    Ok(client.max_decoding_message_size(EXPLANATION_BYTES))
}

/// A client for a district's rules. Connects at the first call.
pub(crate) fn rules(connection: &Connection) -> Result<Rules> {
    Ok(RuleAdminClient::with_interceptor(channel(connection)?, authorize(connection)?))
}

/// The largest report of a replay: two packs of many rules at hundreds of schools have a few MB.
const REPORT_BYTES: usize = 64 * 1024 * 1024;

/// A client for questions with a large answer. Connects at the first call.
pub(crate) fn replay(connection: &Connection) -> Result<Risk> {
    Ok(risk(connection)?.max_decoding_message_size(REPORT_BYTES))
}

/// A client of the feed. Connects at the first call.
pub(crate) fn feed(connection: &Connection) -> Result<Feed> {
    feed_at(&endpoint(connection)?, connection)
}

/// The same at an endpoint that is there already.
pub(crate) fn feed_at(endpoint: &Endpoint, connection: &Connection) -> Result<Feed> {
    Ok(AlertFeedClient::with_interceptor(endpoint.connect_lazy(), authorize(connection)?))
}

fn channel(connection: &Connection) -> Result<Channel> {
    Ok(endpoint(connection)?.connect_lazy())
}

/// Where gRPC is answered, by what the connection's files say now.
pub(crate) fn endpoint(connection: &Connection) -> Result<Endpoint> {
    let mut endpoint = Endpoint::from_shared(connection.grpc.clone())
        .with_context(|| {
            format!("HOMEROOM_GRPC: `{}` is not an address such as http://127.0.0.1:7701", connection.grpc)
        })?
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_while_idle(true);
    if endpoint.uri().scheme() == Some(&Scheme::HTTPS) {
        let tls = match connection.authorities()? {
            Some(pem) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)),
            None => ClientTlsConfig::new().with_native_roots(),
        };
        endpoint = endpoint.tls_config(tls).context("the gRPC client cannot use TLS")?;
    }
    Ok(endpoint)
}

fn authorize(connection: &Connection) -> Result<Authorize> {
    let mut value: MetadataValue<Ascii> = connection.basic().parse().context("the key cannot be put into a header")?;
    value.set_sensitive(true);
    Ok(Authorize(value))
}
