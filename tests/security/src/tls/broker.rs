//! A real Apache Kafka that asks who comes: one listener for clients with a certificate, one for those that log in.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use homeroom_bus::kafka::{Config, Mechanism, Sasl, Tls};
use homeroom_chassis::config::SecretFile;
use homeroom_harness::Process;
use homeroom_harness::broker::SESSION;
use homeroom_harness::kafka::{free_port, workspace};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::sleep;
use uuid::Uuid;

use super::{Authority, HERE, Pair};

/// Whom the broker lets log in.
pub const USER: &str = "homeroom";
/// With this, by SCRAM.
pub const PASSWORD: &str = "zqscram-password-0123456789";
/// And with this, by PLAIN.
pub const PLAIN_PASSWORD: &str = "zqplain-password-0123456789";

/// How long it may take to be ready, its download on a fresh machine included.
const READY: Duration = Duration::from_mins(5);
const POLL: Duration = Duration::from_millis(50);
/// In its folder: the authorities whose certificates it believes.
const TRUSTED: &str = "trusted.pem";

/// Adds the user, who must be known before the broker's first start, to what will be the broker's data.
const FORMAT: &str = r#"
set -eu
. "$1/deploy/local/prerequisites"
need_kafka
install_missing
need_kafka_artifacts
exec java -Dlog4j2.configurationFile="$1/tests/harness/kafka/log4j2.properties" -cp "$(kafka_libs)/*" kafka.tools.StorageTool format \
    -t AAAAAAAAQACAAAAAAAAAAA -c "$2" --add-scram "SCRAM-SHA-512=[name=$3,password=$4]"
"#;

/// A running broker; stopped, and its data removed, when dropped.
pub struct SecureBroker {
    process: Process,
    ports: Ports,
    folder: TempDir,
}

#[derive(Debug, Clone, Copy)]
struct Ports {
    plain: u16,
    controller: u16,
    /// Asks for a certificate.
    certificate: u16,
    /// Asks for a password.
    password: u16,
}

impl SecureBroker {
    /// Starts one whose certificate is for [`HERE`], and waits until it listens.
    pub async fn start(authority: &Authority) -> Result<Self> {
        Self::start_trusting(authority, &authority.pem()).await
    }

    /// The same, of one that believes certificates of all these authorities, PEM.
    pub async fn start_trusting(authority: &Authority, trusted: &str) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("homeroom-secure-broker-").tempdir()?;
        let ports =
            Ports { plain: free_port()?, controller: free_port()?, certificate: free_port()?, password: free_port()? };
        let text = |name: &str| folder.path().join(name).display().to_string();
        fs::write(text(TRUSTED), trusted)?;
        let settings = settings(authority, ports, &text(TRUSTED))?;
        fs::write(text("settings"), [SESSION, &settings].join("\n"))?;
        fs::create_dir(text("kafka"))?;
        let base = fs::read_to_string(workspace().join("tests/harness/kafka/server.properties"))?;
        let base = base.replace("@PORT@", &ports.plain.to_string());
        let base = base.replace("@CONTROLLER@", &ports.controller.to_string());
        let base = base.replace("@DATA@", &text("kafka/data"));
        fs::write(text("format.properties"), format!("{base}\n{settings}"))?;
        let formatted = Command::new("bash")
            .args(["-c", FORMAT, "format"])
            .arg(workspace())
            .args([&text("format.properties"), USER, PASSWORD])
            .output()?;
        ensure!(formatted.status.success(), "the user is not added: {}", String::from_utf8_lossy(&formatted.stderr));
        let arguments = [
            "--settings".to_owned(),
            text("settings"),
            text("kafka"),
            ports.plain.to_string(),
            ports.controller.to_string(),
        ];
        let log = folder.path().join("broker.log");
        let mut process = Process::new(&workspace().join("deploy/local/kafka"), arguments, &log)
            .variable("JAVA_TOOL_OPTIONS", "-XX:MaxHeapSize=384m -XX:TieredStopAtLevel=1");
        process.start()?;
        let broker = Self { process, ports, folder };
        broker.wait().await?;
        Ok(broker)
    }

    /// Kills it, and starts it again on what it had kept.
    pub async fn restart(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.start()?;
        self.wait().await
    }

    /// From its next start on it believes certificates of these authorities alone, PEM.
    pub fn trust(&self, trusted: &str) -> Result<()> {
        Ok(fs::write(self.folder.path().join(TRUSTED), trusted)?)
    }

    /// A client that shows a certificate of the authority.
    pub fn with_certificate(&self, authority: &Authority) -> Result<Config> {
        self.with_pair(authority, authority.give("kafka-client", "homeroom")?)
    }

    /// A client that shows this certificate.
    pub fn with_pair(&self, authority: &Authority, pair: Pair) -> Result<Config> {
        let tls = Tls {
            ca_file: Some(authority.ca()),
            cert_file: Some(pair.cert),
            key_file: Some(SecretFile::new(pair.key)),
            ..Tls::default()
        };
        Ok(Config { bootstrap_servers: self.at_certificate(HERE), tls: Some(tls), ..Config::default() })
    }

    /// A client that logs in.
    pub fn with_password(&self, authority: &Authority, mechanism: Mechanism, password: &str) -> Result<Config> {
        let password_file = SecretFile::new(authority.secret(&format!("kafka-{}", Uuid::new_v4()), password)?);
        let sasl = Sasl { mechanism, user: USER.to_owned(), password_file };
        let tls = Tls { ca_file: Some(authority.ca()), ..Tls::default() };
        Ok(Config { bootstrap_servers: self.at_password(), tls: Some(tls), sasl: Some(sasl), ..Config::default() })
    }

    /// Where it asks for a certificate, by this name of the machine.
    pub fn at_certificate(&self, host: &str) -> String {
        format!("{host}:{}", self.ports.certificate)
    }

    /// Where it asks for a password.
    pub fn at_password(&self) -> String {
        format!("{HERE}:{}", self.ports.password)
    }

    async fn wait(&self) -> Result<()> {
        let deadline = Instant::now() + READY;
        for port in [self.ports.certificate, self.ports.password] {
            while TcpStream::connect((HERE, port)).await.is_err() {
                ensure!(self.process.is_alive(), "the broker ended:\n{}", self.process.log_end());
                ensure!(Instant::now() < deadline, "the broker was not ready:\n{}", self.process.log_end());
                sleep(POLL).await;
            }
        }
        Ok(())
    }
}

fn settings(authority: &Authority, ports: Ports, trusted: &str) -> Result<String> {
    let Ports { plain, controller, certificate, password } = ports;
    let pair = authority.give("broker", HERE)?;
    let store = format!("{}{}", fs::read_to_string(&pair.key)?, fs::read_to_string(&pair.cert)?);
    let store = authority.write("broker.store.pem", &store, 0o600)?;
    let listeners = format!("PLAINTEXT://{HERE}:{plain},SSL://{HERE}:{certificate},SASL_SSL://{HERE}:{password}");
    let module = "org.apache.kafka.common.security";
    Ok(format!(
        "listeners={listeners},CONTROLLER://{HERE}:{controller}\nadvertised.listeners={listeners}\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL\n\
         ssl.keystore.type=PEM\nssl.keystore.location={}\nssl.truststore.type=PEM\nssl.truststore.location={trusted}\n\
         listener.name.ssl.ssl.client.auth=required\nsasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512\n\
         listener.name.sasl_ssl.plain.sasl.jaas.config={module}.plain.PlainLoginModule required user_{USER}=\"{PLAIN_PASSWORD}\";\n\
         listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config={module}.scram.ScramLoginModule required;\n",
        store.display()
    ))
}
