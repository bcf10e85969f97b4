//! A client of the public Ed-Fi API, as any sender is: discovery, token, dependency order, upserts.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;
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
struct Found {
    id: String,
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
        let address = self.address(resource);
        let request = || self.http.post(&address).header(CONTENT_TYPE, "application/json").body(document.to_owned());
        let answer = self.send(request).await?;
        let status = answer.status();
        match status {
            StatusCode::CREATED => Ok(Posted::Created),
            StatusCode::OK if answer.headers().contains_key(LOCATION) => Ok(Posted::Updated),
            _ if status.is_client_error() => refused(answer).await,
            _ => http::succeeded(answer).await.map(|_| Posted::Updated),
        }
    }

    /// Deletes the document with a natural key, given as the JSON text of its members. One that is not there is deleted already.
    pub(crate) async fn delete(&self, resource: &str, key: &str) -> Result<Posted> {
        let address = self.address(resource);
        let mut query = Vec::new();
        leaves(&serde_json::from_str(key).context("the key is not JSON")?, "", &mut query);
        let asked = Url::parse_with_params(&address, &query).context("the API's address")?;
        let answer = self.send(|| self.http.get(asked.clone())).await?;
        if answer.status().is_client_error() {
            return refused(answer).await;
        }
        let found: Vec<Found> =
            http::succeeded(answer).await?.json().await.context("the collection is not as Ed-Fi defines it")?;
        for document in found {
            let answer = self.send(|| self.http.delete(format!("{address}/{}", document.id))).await?;
            match answer.status() {
                StatusCode::NOT_FOUND => {}
                status if status.is_client_error() => return refused(answer).await,
                _ => drop(http::succeeded(answer).await?),
            }
        }
        Ok(Posted::Updated)
    }

    fn address(&self, resource: &str) -> String {
        format!("{}/ed-fi/{resource}", self.urls.data_management_api.trim_end_matches('/'))
    }

    /// Sends a request with the token; once more with a new one when the server no longer takes it.
    async fn send(&self, request: impl Fn() -> RequestBuilder) -> Result<Response> {
        let token = self.token.read().await.clone();
        let answer = http::send(|| request().bearer_auth(token.expose_secret())).await?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        self.renew_token().await?;
        let token = self.token.read().await.clone();
        http::send(|| request().bearer_auth(token.expose_secret())).await
    }
}

async fn refused(answer: Response) -> Result<Posted> {
    let status = answer.status().as_u16();
    let reason: String = answer.text().await.unwrap_or_default().chars().take(600).collect();
    Ok(Posted::Refused(status, reason))
}

/// The single values of a document by name, as a query asks for them. A reference's values may stand in several places, and
/// are the same in each.
fn leaves(value: &Value, name: &str, query: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| leaves(value, name, query)),
        Value::String(text) if query.iter().all(|(known, _)| known != name) => {
            query.push((name.to_owned(), text.clone()));
        }
        Value::Number(number) if query.iter().all(|(known, _)| known != name) => {
            query.push((name.to_owned(), number.to_string()));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_asked_for_by_its_values() {
        let key = serde_json::json!({
            "eventDate": "2022-04-13",
            "schoolReference": { "schoolId": 7 },
            "sessionReference": { "schoolId": 7, "sessionName": "Fall" },
        });
        let mut query = Vec::new();
        leaves(&key, "", &mut query);
        let query: Vec<_> = query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(query, [("eventDate", "2022-04-13"), ("schoolId", "7"), ("sessionName", "Fall")]);
    }
}
