//! A real browser: headless Chromium, driven over its own protocol.

use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;
use tungstenite::{Message, WebSocket};

use crate::process::{Daemon, Process, with_descendants};
use crate::{Result, poll, tool};

/// A Chromium with one page. Dropping it ends it.
pub struct Browser {
    // Before the directory: fields drop in order.
    daemon: Daemon,
    _directory: TempDir,
    socket: WebSocket<TcpStream>,
    session: String,
    last_id: u64,
    /// What happened since the last visit began.
    events: Vec<Value>,
}

impl Drop for Browser {
    /// Its helpers outlive it by a moment, and write into the directory that is to go.
    fn drop(&mut self) {
        let family = self.daemon.process().map(|chromium| with_descendants(&[chromium])).unwrap_or_default();
        // Nobody is left to hear of a failure.
        let _ = self.daemon.stop();
        let _ = poll::until("Chromium's helpers are gone", || {
            Ok((!family.iter().any(Process::is_alive)).then_some(()))
        });
    }
}

/// What a reader's machine is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reader {
    /// Width of the window in pixels.
    pub width: u32,
    /// Whether dark pages are wanted.
    pub dark: bool,
}

impl Browser {
    /// Starts it. It finds no host but this one.
    ///
    /// # Errors
    /// When chromium is missing or does not come up.
    pub fn start() -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("chromium-").tempdir()?;
        let mut command = Command::new(tool::find("chromium")?);
        command.args([
            "--headless",
            // Its sandbox needs more than a test's account may have; it sees nothing but our pages.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-proxy-server",
            "--hide-scrollbars",
            "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
            "--remote-debugging-port=0",
        ]);
        command.arg(format!("--user-data-dir={}", directory.path().join("profile").display()));
        // Chromium leaves files in the temporary directory; so it has one that goes with it.
        command.env("TMPDIR", directory.path());
        command.arg("about:blank");
        let mut daemon = Daemon::start("chromium", &mut command, &directory.path().join("log"))?;
        let url = daemon.wait_for("listens", |log| {
            let (_, rest) = log.split_once("DevTools listening on ")?;
            rest.split_once('\n').map(|(url, _)| url.trim().to_owned())
        })?;
        let address = url.strip_prefix("ws://").and_then(|rest| rest.split('/').next());
        let stream = TcpStream::connect(address.context("a ws:// URL")?)?;
        stream.set_read_timeout(Some(poll::BOUND))?;
        let (socket, _) =
            tungstenite::client(url.as_str(), stream).map_err(|error| anyhow::anyhow!("{error}"))?;
        let (session, events) = (String::new(), Vec::new());
        let mut browser = Self { daemon, _directory: directory, socket, session, last_id: 0, events };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }))?;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = browser.call("Target.attachToTarget", attach)?;
        browser.session = attached["sessionId"].as_str().context("a session")?.to_owned();
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}))?;
        }
        Ok(browser)
    }

    /// Takes a reader's place.
    ///
    /// # Errors
    /// When the browser objects.
    pub fn become_reader(&mut self, reader: Reader) -> Result<()> {
        let scheme = if reader.dark { "dark" } else { "light" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.call("Emulation.setEmulatedMedia", media)?;
        self.resize(reader.width, 900)
    }

    /// Moves the reader to a time zone.
    ///
    /// # Errors
    /// When the browser does not know the zone.
    pub fn move_to(&mut self, zone: &str) -> Result<()> {
        self.call("Emulation.setTimezoneOverride", json!({ "timezoneId": zone })).map(drop)
    }

    fn resize(&mut self, width: u32, height: u32) -> Result<()> {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", size).map(drop)
    }

    /// Opens a page and waits until it and its pictures are there.
    ///
    /// # Errors
    /// When it does not load.
    pub fn open(&mut self, url: &str) -> Result<()> {
        self.events.clear();
        let answer = self.call("Page.navigate", json!({ "url": url }))?;
        ensure!(answer["errorText"].is_null(), "{url}: {answer}");
        self.wait_for_event("Page.loadEventFired")
    }

    /// Clicks the first element of a selector, and waits for the page that comes.
    ///
    /// # Errors
    /// When there is none, or no page comes.
    pub fn follow(&mut self, selector: &str) -> Result<()> {
        self.events.clear();
        self.evaluate(&format!("document.querySelector({selector:?}).click()"))?;
        self.wait_for_event("Page.loadEventFired")
    }

    /// The value of an expression on the page.
    ///
    /// # Errors
    /// When it throws.
    pub fn evaluate(&mut self, expression: &str) -> Result<Value> {
        let what = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let answer = self.call("Runtime.evaluate", what)?;
        ensure!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        Ok(answer["result"]["value"].clone())
    }

    /// Every address that was asked for since the visit began.
    pub fn requests(&self) -> Vec<String> {
        self.of("Network.requestWillBeSent").map(|event| text(&event["request"]["url"])).collect()
    }

    /// What the browser complained of since the visit began: errors, warnings, and all that is written to its console.
    pub fn complaints(&self) -> Vec<String> {
        let logged = self.of("Log.entryAdded").map(|event| text(&event["entry"]["text"]));
        let thrown = ["Runtime.exceptionThrown", "Runtime.consoleAPICalled"]
            .into_iter()
            .flat_map(|method| self.of(method).map(Value::to_string));
        let failed = self.of("Network.loadingFailed").map(Value::to_string);
        logged.chain(thrown).chain(failed).collect()
    }

    /// A picture of the whole page, as a PNG file.
    ///
    /// # Errors
    /// When it cannot be taken or written.
    pub fn picture(&mut self, reader: Reader, file: &Path) -> Result<()> {
        let height = self.evaluate("document.documentElement.scrollHeight")?.as_f64().unwrap_or(900.0);
        // Pictures that are loaded when they are seen are seen now.
        self.resize(reader.width, (height as u32).clamp(900, 8000))?;
        self.evaluate("Promise.all([...document.images].map(image => { image.loading = 'eager'; return image.decode(); })).then(() => true)")?;
        let shot = self.call("Page.captureScreenshot", json!({ "format": "png" }))?;
        let bytes = STANDARD.decode(shot["data"].as_str().context("a picture")?)?;
        self.resize(reader.width, 900)?;
        Ok(std::fs::write(file, bytes)?)
    }

    fn of<'a>(&'a self, method: &'a str) -> impl Iterator<Item = &'a Value> {
        self.events.iter().filter(move |event| event["method"] == method).map(|event| &event["params"])
    }

    fn wait_for_event(&mut self, method: &str) -> Result<()> {
        let start = Instant::now();
        while !self.events.iter().any(|event| event["method"] == method) {
            ensure!(start.elapsed() < poll::BOUND, "waited in vain for {method}");
            let message = self.read()?;
            self.events.push(message);
        }
        Ok(())
    }

    fn call(&mut self, method: &str, params: Value) -> Result<Value> {
        self.last_id += 1;
        let mut request = json!({ "id": self.last_id, "method": method, "params": params });
        if !self.session.is_empty() {
            request["sessionId"] = json!(self.session);
        }
        self.socket.send(Message::text(request.to_string()))?;
        let start = Instant::now();
        while start.elapsed() < poll::BOUND {
            let mut message = self.read()?;
            if message["id"] == self.last_id {
                ensure!(message["error"].is_null(), "{method}: {}", message["error"]);
                return Ok(message["result"].take());
            }
            self.events.push(message);
        }
        bail!("no answer to {method}")
    }

    fn read(&mut self) -> Result<Value> {
        loop {
            if let Message::Text(text) = self.socket.read()? {
                return Ok(serde_json::from_str(&text)?);
            }
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
