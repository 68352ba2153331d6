use std::sync::Mutex;

use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

/// A web server with a certificate of its own, which answers every request like this.
struct Web {
    address: std::net::SocketAddr,
    answer: Arc<Mutex<String>>,
    root: String,
}

impl Web {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let answer = Arc::new(Mutex::new(String::new()));
        let told = Arc::clone(&answer);
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(tcp).await else { continue };
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let answer = told.lock().unwrap().clone();
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        Self { address, answer, root: own.cert.pem() }
    }

    fn answers(&self, status: &str, body: &str) {
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", body.len());
        let more = "Location: https://example.org/\r\nConnection: close\r\n\r\n";
        *self.answer.lock().unwrap() = format!("{head}{more}{body}");
    }
}

fn lists(place: &TempDir, lines: &str) -> Preferred {
    let outbound: config::Outbound = toml::from_str(lines).unwrap();
    Preferred::new(&outbound).with_lists(&outbound, place.path()).unwrap()
}

/// Which of these domains are preferred.
fn preferred(lists: &Preferred) -> Vec<&'static str> {
    ["own.nl", "file.nl", "later.nl", "web.nl"]
        .into_iter()
        .filter(|name| lists.contains(&name.parse().unwrap()))
        .collect()
}

#[test]
fn a_file_that_cannot_be_read_changes_nothing_and_says_where() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("list");
    let lines =
        format!("prefer-direct = [\"own.nl\"]\nprefer-direct-file = \"{}\"", file.display());
    let absent = lists(&place, &lines);
    assert_eq!(preferred(&absent), ["own.nl"]);
    assert!(absent.problem().is_some_and(|why| why.contains("No such file")));
    std::fs::write(&file, "file.nl # one\n").unwrap();
    let lists = lists(&place, &lines);
    assert_eq!((preferred(&lists), lists.problem()), (vec!["own.nl", "file.nl"], None));
    for (bad, why) in [("later.nl\nnot a domain\n", "line 2"), ("\u{0}", "line 1")] {
        std::fs::write(&file, bad).unwrap();
        assert!(lists.problem().is_some_and(|found| found.contains(why)), "{bad}");
        assert_eq!(preferred(&lists), ["own.nl", "file.nl"]);
    }
    let long = "#".repeat(usize::try_from(OCTETS_MAX).unwrap() + 1);
    std::fs::write(&file, long).unwrap();
    assert!(lists.problem().is_some_and(|why| why.contains("longer than")));
    std::fs::write(&file, "later.nl").unwrap();
    lists.refresh_file();
    assert_eq!(preferred(&lists), ["own.nl", "later.nl"]);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_changes_is_read_again() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("list");
    std::fs::write(&file, "file.nl").unwrap();
    let lists = lists(&place, &format!("prefer-direct-file = \"{}\"", file.display()));
    let lifecycle = Lifecycle::new();
    let keeping = tokio::spawn(lists.clone().keep(lifecycle.clone()));
    tokio::task::yield_now().await;
    std::fs::write(&file, "later.nl # longer").unwrap();
    tokio::time::sleep(LOOK_EVERY * 2).await;
    assert_eq!(preferred(&lists), ["later.nl"]);
    lifecycle.stop();
    keeping.await.unwrap();
}

#[tokio::test]
async fn a_list_from_a_web_server_outlives_the_process_and_what_is_none_changes_nothing() {
    let place = tempfile::tempdir().unwrap();
    let web = Web::start().await;
    let roots = place.path().join("roots.pem");
    std::fs::write(&roots, &web.root).unwrap();
    let lines = format!(
        "roots = \"{}\"\nprefer-direct-url = \"https://{}/list\"",
        roots.display(),
        web.address
    );
    let first = lists(&place, &lines);
    let remote = first.0.remote.as_ref().unwrap();
    web.answers("500 Broken", "later.nl");
    assert!(!first.fetch(remote).await);
    assert_eq!(preferred(&first), [""; 0]);
    web.answers("200 OK", "web.nl\r\n");
    assert!(first.fetch(remote).await);
    assert_eq!(preferred(&first), ["web.nl"]);
    for (status, body) in [
        ("200 OK", "<html>later.nl</html>"),
        ("302 Found", "later.nl"),
        ("404 Not Found", "later.nl"),
        ("204 No Content", ""),
    ] {
        web.answers(status, body);
        assert!(!first.fetch(remote).await, "{status} {body}");
        assert_eq!(preferred(&first), ["web.nl"], "{status} {body}");
    }
    assert_eq!(preferred(&lists(&place, &lines)), ["web.nl"]);
}

#[tokio::test]
async fn a_web_server_that_nobody_vouches_for_is_not_asked() {
    let place = tempfile::tempdir().unwrap();
    let web = Web::start().await;
    web.answers("200 OK", "web.nl\n");
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let roots = place.path().join("roots.pem");
    std::fs::write(&roots, other.cert.pem()).unwrap();
    let url = format!("https://{}/list", web.address);
    let lines = format!("roots = \"{}\"\nprefer-direct-url = \"{url}\"", roots.display());
    let lists = lists(&place, &lines);
    assert!(!lists.fetch(lists.0.remote.as_ref().unwrap()).await);
    assert_eq!(preferred(&lists), [""; 0]);
}
