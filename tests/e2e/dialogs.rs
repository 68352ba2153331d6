//! The written dialogues, on the relay's own socket.

use std::path::Path;

use tokio::net::UnixStream;
use zegel_tests::dialog::{play, read};
use zegel_tests::lab::{Lab, Setup};

#[tokio::test]
async fn the_relay_speaks_on_its_socket_as_the_dialogues_say() {
    let limits = "message-size-max = 100\nrecipients-max = 3\n".to_owned();
    let lab =
        Lab::start(Setup { hostname: "relay.example".to_owned(), limits, ..Setup::default() })
            .await;
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("dialogs");
    let entries = std::fs::read_dir(&directory).expect("read tests/dialogs");
    let mut played = 0;
    for file in entries.map(|entry| entry.expect("list tests/dialogs").path()) {
        let Some(dialogue) = read(&file) else { continue };
        let stream = UnixStream::connect(lab.relay.socket()).await.expect("connect to the relay");
        play(&file.display().to_string(), stream, &dialogue).await;
        played += 1;
    }
    assert!(played > 3, "only {played} dialogues could be played");
}
