//! A client of the public Ed-Fi API, as any sender is: discovery, token, dependency order, upserts.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Client, Response, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::sync::RwLock;

use super::{Connection, http};

/// A connection to an Ed-Fi API with a token, which is renewed when the server no longer takes it.
pub(crate) struct EdFi {
    http: Client,
    urls: Urls,
    key: String,
    secret: SecretString,
    token: RwLock<SecretString>,
}

/// What became of one posted document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Posted {
    /// It is new.
    Created,
    /// It replaced, or repeated, the one with the same natural key.
    Updated,
    /// The server does not take it: the status and its reason.
    Refused(u16, String),
}

#[derive(Debug, Clone, Deserialize)]
struct Discovery {
    urls: Urls,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Urls {
    dependencies: String,
    oauth: String,
    data_management_api: String,
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
}

#[derive(Deserialize)]
struct Dependency {
    resource: String,
    order: u32,
}

impl EdFi {
    /// Asks the API where its parts are, and for a token.
    pub(crate) async fn connect(connection: &Connection) -> Result<Self> {
        let http = http::client(connection, &connection.edfi_url)?;
        let address = format!("{}/", connection.edfi_url.trim_end_matches('/'));
        let answer = http::succeeded(http::send(|| http.get(&address)).await?).await?;
        let discovery: Discovery = answer.json().await.context("the discovery document is not as Ed-Fi defines it")?;
        let client = Self {
            http,
            urls: discovery.urls,
            key: connection.key.clone(),
            secret: connection.secret.clone(),
            token: RwLock::new(SecretString::from(String::new())),
        };
        client.renew_token().await?;
        Ok(client)
    }

    async fn renew_token(&self) -> Result<()> {
        let request = || {
            self.http
                .post(&self.urls.oauth)
                .basic_auth(&self.key, Some(self.secret.expose_secret()))
                .form(&[("grant_type", "client_credentials")])
        };
        let answer = http::succeeded(http::send(request).await?).await.context("no token")?;
        let token: Token = answer.json().await.context("the token is not as Ed-Fi defines it")?;
        *self.token.write().await = SecretString::from(token.access_token);
        Ok(())
    }

    /// In which order resources are to be sent: by name, such as `students`.
    pub(crate) async fn order(&self) -> Result<BTreeMap<String, u32>> {
        let answer = http::succeeded(http::send(|| self.http.get(&self.urls.dependencies)).await?).await?;
        let list: Vec<Dependency> = answer.json().await.context("the dependency order is not as Ed-Fi defines it")?;
        Ok(list.into_iter().filter_map(|d| Some((d.resource.strip_prefix("/ed-fi/")?.to_owned(), d.order))).collect())
    }

    /// Posts one document, given as JSON text.
    pub(crate) async fn post(&self, resource: &str, document: &str) -> Result<Posted> {
        let mut answer = self.post_once(resource, document).await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            self.renew_token().await?;
            answer = self.post_once(resource, document).await?;
        }
        let status = answer.status();
        match status {
            StatusCode::CREATED => Ok(Posted::Created),
            StatusCode::OK if answer.headers().contains_key(LOCATION) => Ok(Posted::Updated),
            _ if status.is_client_error() => {
                let reason: String = answer.text().await.unwrap_or_default().chars().take(600).collect();
                Ok(Posted::Refused(status.as_u16(), reason))
            }
            _ => http::succeeded(answer).await.map(|_| Posted::Updated),
        }
    }

    async fn post_once(&self, resource: &str, document: &str) -> Result<Response> {
        let address = format!("{}/ed-fi/{resource}", self.urls.data_management_api.trim_end_matches('/'));
        let token = self.token.read().await.clone();
        http::send(|| {
            self.http
                .post(&address)
                .bearer_auth(token.expose_secret())
                .header(CONTENT_TYPE, "application/json")
                .body(document.to_owned())
        })
        .await
    }
}
