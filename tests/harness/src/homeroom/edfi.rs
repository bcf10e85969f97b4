//! An Ed-Fi client as senders have one: a token, POST, PUT, DELETE and GET of documents.

use anyhow::{Context as _, Result, bail};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;

/// A client with a token.
pub struct EdFi {
    http: Client,
    data: String,
    token: String,
}

/// An HTTP client for addresses without TLS.
pub(crate) fn http_client() -> Result<Client> {
    // Only the first client of a process installs it; the others find it.
    rustls::crypto::ring::default_provider().install_default().ok();
    Ok(Client::builder().tls_certs_only([]).build()?)
}

/// A document that the API took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// 201 for a new one, 200 for one that was there.
    pub status: u16,
    /// Where it is.
    pub location: String,
    /// Its version.
    pub etag: String,
}

impl EdFi {
    /// Asks the API at this address where its parts are, and for a token.
    pub async fn connect(address: &str, key: &str, secret: &str) -> Result<Self> {
        Self::connect_with(http_client()?, address, key, secret).await
    }

    /// The same with another client, such as one that speaks TLS.
    pub async fn connect_with(http: Client, address: &str, key: &str, secret: &str) -> Result<Self> {
        let discovery: Value = http.get(format!("{address}/")).send().await?.error_for_status()?.json().await?;
        let url = |name: &str| {
            discovery["urls"][name].as_str().map(str::to_owned).with_context(|| format!("no url `{name}`"))
        };
        let grant = [("grant_type", "client_credentials")];
        let answer = http.post(url("oauth")?).basic_auth(key, Some(secret)).form(&grant).send().await?;
        let token: Value = answer.error_for_status()?.json().await?;
        let token = token["access_token"].as_str().context("no token")?.to_owned();
        Ok(Self { http, data: url("dataManagementApi")?.trim_end_matches('/').to_owned(), token })
    }

    /// A request with the token, to a resource such as `students`.
    pub fn request(&self, method: Method, resource: &str) -> RequestBuilder {
        self.http.request(method, format!("{}/ed-fi/{resource}", self.data)).bearer_auth(&self.token)
    }

    /// Posts a document that must be taken.
    pub async fn post(&self, resource: &str, document: &Value) -> Result<Posted> {
        let answer = self.request(Method::POST, resource).json(document).send().await?;
        let status = answer.status();
        if !status.is_success() {
            bail!("POST {resource} answered {status}: {}", answer.text().await.unwrap_or_default());
        }
        let header = |name: &str| {
            let value = answer.headers().get(name).and_then(|value| value.to_str().ok());
            value.map(str::to_owned).with_context(|| format!("POST {resource} gave no {name}"))
        };
        Ok(Posted { status: status.as_u16(), location: header("location")?, etag: header("etag")? })
    }

    /// Posts a body as it is, whatever the answer.
    pub async fn post_raw(&self, resource: &str, body: Vec<u8>) -> Result<Response> {
        let request = self.request(Method::POST, resource).header("content-type", "application/json");
        Ok(request.body(body).send().await?)
    }

    /// Replaces the document there.
    pub async fn put(&self, location: &str, document: &Value) -> Result<()> {
        let answer = self.http.put(location).bearer_auth(&self.token).json(document).send().await?;
        expect(answer, StatusCode::NO_CONTENT).await
    }

    /// Deletes the document there.
    pub async fn delete(&self, location: &str) -> Result<()> {
        let answer = self.http.delete(location).bearer_auth(&self.token).send().await?;
        expect(answer, StatusCode::NO_CONTENT).await
    }

    /// How many documents the resource has.
    pub async fn count(&self, resource: &str) -> Result<u64> {
        let counting = format!("{resource}?totalCount=true&limit=1");
        let answer = self.request(Method::GET, &counting).send().await?.error_for_status()?;
        let total = answer.headers().get("total-count").context("no Total-Count")?;
        Ok(total.to_str()?.parse()?)
    }
}

async fn expect(answer: Response, wanted: StatusCode) -> Result<()> {
    let status = answer.status();
    if status == wanted {
        return Ok(());
    }
    bail!(
        "{} answered {status}, not {wanted}: {}",
        answer.url().path().to_owned(),
        answer.text().await.unwrap_or_default()
    )
}
