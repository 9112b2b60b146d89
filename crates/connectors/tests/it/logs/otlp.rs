//! OpenTelemetry's own exporter, in Python, sending to a server here.

use crate::peer::{python, serve};
use connectors::logs::otlp::{Encoding, answer_of, read};
use connectors::logs::{Batch, packed};
use std::sync::mpsc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Sends two records and says what the exporter made of the answer.
const SEND: &str = r#"
import sys, logging
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry._logs import LogRecord, SeverityNumber
packing = Compression.Gzip if sys.argv[2] == "gzip" else Compression.NoCompression
exporter = OTLPLogExporter(endpoint=sys.argv[1], compression=packing)
provider = LoggerProvider(resource=Resource.create({"service.name": "shop", "host.name": "web"}))
provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
provider.get_logger("scope").emit(LogRecord(
    timestamp=1795410000123456789, severity_number=SeverityNumber.WARN, severity_text="WARN",
    body="hello ü", attributes={"n": -7, "f": 0.5, "b": True, "l": ["a", "b"], "s": "x"}))
provider.shutdown()
"#;

/// The body of a request that says how long it is.
async fn body(stream: &mut tokio::net::TcpStream) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let length = stream.read(&mut piece).await.unwrap();
        assert!(length > 0, "the exporter ended early");
        bytes.extend_from_slice(&piece[..length]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let length = head.split("content-length: ").nth(1).unwrap();
        let length: usize = length.lines().next().unwrap().trim().parse().unwrap();
        if bytes.len() >= end + 4 + length {
            return (head, bytes[end + 4..end + 4 + length].to_vec());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exporter_of_opentelemetry_is_understood() {
    let Some(python) = python("opentelemetry.exporter.otlp.proto.http") else { return };
    for packing in ["gzip", "none"] {
        let (sender, receiver) = mpsc::channel::<(String, Batch)>();
        let port = serve(move |mut stream| {
            let sender = sender.clone();
            async move {
                let (head, body) = body(&mut stream).await;
                let bytes = packed::open(&body, 1 << 20).unwrap();
                let batch = read(&bytes, Encoding::Protobuf).unwrap();
                let answer = answer_of(Encoding::Protobuf, &batch);
                let said = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: {}\r\ncontent-length: {}\r\n\r\n",
                    Encoding::Protobuf.media_type(),
                    answer.len()
                );
                stream.write_all(&[said.as_bytes(), &answer].concat()).await.unwrap();
                sender.send((head, batch)).unwrap();
            }
        })
        .await;
        let url = format!("http://127.0.0.1:{port}/v1/logs");
        let python = python.clone();
        let ran = tokio::task::spawn_blocking(move || {
            std::process::Command::new(python).args(["-c", SEND, &url, packing]).output().unwrap()
        });
        let ran = ran.await.unwrap();
        assert!(ran.status.success(), "{ran:?}");
        assert!(ran.stderr.is_empty(), "{ran:?}");
        let (head, batch) = receiver.recv().unwrap();
        assert_eq!(head.contains("content-encoding: gzip"), packing == "gzip");
        assert_eq!((batch.records.len(), batch.rejected), (1, 0));
        let record = &batch.records[0];
        assert_eq!(record.time, Some(1_795_410_000_123_456));
        assert_eq!(record.host.as_deref(), Some("web"));
        assert_eq!(record.text("message"), Some("hello ü"));
        assert_eq!(record.text("service.name"), Some("shop"));
        assert_eq!(record.text("otel.scope.name"), Some("scope"));
        assert_eq!(record.text("log.level"), Some("WARN"));
        assert_eq!(record.fields["n"], -7);
        assert_eq!(record.fields["f"], 0.5);
        assert_eq!(record.fields["b"], true);
        assert_eq!(record.fields["l"], serde_json::json!(["a", "b"]));
    }
}
