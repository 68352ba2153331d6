# Was das Portal sagt. Reiner Text, kein HTML; kurze Sätze, „Sie“.

skip = Zum Inhalt
language = Sprache
footer = Über dieses Portal
genuine-link = Ist diese E-Mail echt?
help-link = Hilfe
accessibility-link = Barrierefreiheit
to-front = Zur Startseite
never = Wir fragen nie nach einem Passwort, einer Zahlung oder Ihren Ausweisdaten.
error-prefix = Fehler:
error-title = Etwas stimmt nicht

# Datum, Uhrzeit, Anzahl

month =
    { $n ->
        [1] Januar
        [2] Februar
        [3] März
        [4] April
        [5] Mai
        [6] Juni
        [7] Juli
        [8] August
        [9] September
        [10] Oktober
        [11] November
       *[12] Dezember
    }
date = { $day }. { $month } { $year }
date-time = { $date }, { $time } Uhr ({ $zone })
wait-seconds =
    { $n ->
        [one] 1 Sekunde
       *[other] { $n } Sekunden
    }
wait-minutes =
    { $n ->
        [one] 1 Minute
       *[other] { $n } Minuten
    }
wait-hours =
    { $n ->
        [one] 1 Stunde
       *[other] { $n } Stunden
    }

# Startseite

front-title = Sichere Nachrichten
front-lead = { $organisation } sendet Ihnen über diese Website vertrauliche Nachrichten. Sie lesen sie hier, nachdem wir geprüft haben, dass Sie es sind.
find-title = Ihre Nachricht öffnen
find-lead = Haben Sie eine E-Mail von uns erhalten? Geben Sie den Nachrichtencode ein, der darin steht.
find-reference = Nachrichtencode
find-reference-hint = 10 Buchstaben und Ziffern. Groß- und Kleinschreibung spielt keine Rolle.
find-reference-wrong = Geben Sie den Nachrichtencode ein: 10 Buchstaben und Ziffern aus der E-Mail
find-address = Ihre E-Mail-Adresse
find-address-hint = Die Adresse, an die die E-Mail ging.
find-address-wrong = Geben Sie Ihre E-Mail-Adresse ein, zum Beispiel name@beispiel.de
find-button = Weiter
steps-title = So funktioniert es
steps-1 = Sie haben eine E-Mail mit einem Link und einem Nachrichtencode erhalten. Der Inhalt der Nachricht steht nicht darin.
steps-2 = Wir prüfen, ob Sie es sind: mit einem Code aus 6 Ziffern per E-Mail oder SMS, oder mit dem Zugangscode, den Sie vom Absender haben.
steps-3 = Mit diesem Code öffnen Sie die Nachricht.

# Hinter dem Link

link-title = Sichere Nachricht
link-heading = Sichere Nachricht von { $sender }
from = Von
to = An
organisation = Organisation
sent = Gesendet am
until = Lesbar bis
link-method = Wir senden einen Code an { $address }. Mit diesem Code öffnen Sie die Nachricht in diesem Browser.
link-method-text = Wir senden eine SMS mit einem Code an die Nummer, die auf { $digits } endet. Mit diesem Code öffnen Sie die Nachricht in diesem Browser.
link-method-access = Sie benötigen den Zugangscode, den Sie von { $sender } haben. Mit diesem Code öffnen Sie die Nachricht.
link-button = Code senden
link-button-access = Weiter
not-you-title = Ist das nicht Ihre E-Mail-Adresse?
not-you = Dann ist die Nachricht für jemand anderen. Bitten Sie { $sender }, die Nachricht an Sie zu senden.

# Der Code

code-title = Geben Sie Ihren Code ein
code-sent = Wir haben eine E-Mail mit einem Code an { $address } gesendet.
text-sent = Wir haben eine SMS mit einem Code an die Nummer gesendet, die auf { $digits } endet.
code-sent-blind = Wenn Nachrichtencode und E-Mail-Adresse zusammengehören, haben wir einen Code per E-Mail oder SMS gesendet. Oder geben Sie den Zugangscode ein, den Sie vom Absender haben.
code-label = Code
code-hint = 6 Ziffern. Der Code gilt { $n } Minuten.
code-hint-blind = 6 Ziffern, { $n } Minuten gültig; oder der Zugangscode, den Sie vom Absender haben.
code-button = Nachricht öffnen
code-none-title = Keinen Code erhalten?
code-none = Sehen Sie auch im Spam-Ordner nach. Es kann einige Minuten dauern. Wenn Sie einen neuen Code anfordern, bleibt der vorige gültig.
text-none = Prüfen Sie, ob Ihr Telefon eingeschaltet ist und Empfang hat. Es kann einige Minuten dauern. Wenn Sie einen neuen Code anfordern, bleibt der vorige gültig.
code-again = Neuen Code senden
code-again-done = Ein neuer Code ist unterwegs. Der vorige Code bleibt gültig.
code-again-done-blind = Wenn Nachrichtencode und E-Mail-Adresse zusammengehören und sich die Nachricht mit einem Code von uns öffnen lässt, ist ein neuer Code unterwegs.
code-moments-ago = Wir haben Ihnen soeben einen Code gesendet. Kommt er nicht an, fordern Sie in einer halben Minute einen neuen an.
code-not-six = Geben Sie den Code ein: 6 Ziffern aus der E-Mail
text-not-six = Geben Sie den Code ein: 6 Ziffern aus der SMS
code-unreadable-blind = Geben Sie den Code ein: 6 Ziffern aus der E-Mail oder SMS, oder den Zugangscode mit mindestens 6 Zeichen
code-wrong =
    { $n ->
        [0] Der Code ist falsch oder abgelaufen. Fordern Sie einen neuen Code an
        [one] Der Code ist falsch oder abgelaufen. Sie haben noch 1 Versuch
       *[other] Der Code ist falsch oder abgelaufen. Sie haben noch { $n } Versuche
    }
code-wrong-blind = Der Code ist falsch oder abgelaufen. Prüfen Sie auch den Nachrichtencode und die E-Mail-Adresse. Nach zu vielen Versuchen müssen Sie eine Weile warten
code-expired = Der Code ist abgelaufen. Fordern Sie einen neuen Code an
code-throttled = Zu viele Versuche. Wieder möglich in { $wait }
text-send-throttled = Zurzeit können keine SMS mehr gesendet werden. Wieder möglich in { $wait }
code-send-throttled = Sie haben oft einen Code angefordert. Wieder möglich in { $wait }
session-length = Nach 30 Minuten ohne Aktivität schließen wir die Nachricht. Mit einem Code können Sie sie wieder öffnen.

# Der Zugangscode

access-title = Geben Sie den Zugangscode ein
access-lead = Der Absender hat mit Ihnen einen Zugangscode vereinbart oder ihn Ihnen gesagt. Er steht nicht in der E-Mail.
access-label = Zugangscode
access-hint = Mindestens 6 Zeichen. Groß- und Kleinschreibung, Leerzeichen und Bindestriche spielen keine Rolle.
access-too-short = Geben Sie den Zugangscode ein: mindestens 6 Zeichen
access-wrong =
    { $n ->
        [one] Der Zugangscode ist falsch. Sie haben noch 1 Versuch
       *[other] Der Zugangscode ist falsch. Sie haben noch { $n } Versuche
    }

# Was nur der Absender geben kann

lack-access-title = Ich habe den Zugangscode nicht
lack-access = Rufen Sie den Absender unter einer Nummer an, die Sie kennen, und fragen Sie nach dem Zugangscode. Oder lassen Sie uns fragen: Der Absender erhält eine E-Mail, dass Sie den Code nicht haben.
lack-text-title = Ich bekomme unter dieser Nummer keine SMS
lack-text = Ist die Nummer falsch, oder gehört sie Ihnen nicht mehr? Wir können dem Absender per E-Mail mitteilen, dass die SMS Sie nicht erreicht.
lack-blind-title = Ich bekomme keinen Code, oder ich habe keinen
lack-blind = Wenn sich die Nachricht mit einer SMS oder einem Zugangscode öffnen lässt, können wir dem Absender per E-Mail mitteilen, dass Sie den Code nicht haben.
lack-button = Dem Absender mitteilen
lack-asked = Der Absender erhält dazu eine E-Mail von uns, höchstens einmal am Tag. Er meldet sich bei Ihnen; den Zugangscode senden wir nie selbst.
lack-asked-blind = Wenn Nachrichtencode und E-Mail-Adresse zusammengehören, erhält der Absender dazu eine E-Mail von uns, höchstens einmal am Tag.
lack-unreachable = Wir können den Absender nicht per E-Mail erreichen. Melden Sie sich selbst bei ihm, auf einem Weg, den Sie schon kennen.

# Die Seite des Absenders

sender-title = Ihre sichere Nachricht
sender-lead = Sie haben am { $date } eine sichere Nachricht gesendet. Für einige Empfänger brauchen wir Ihre Hilfe. Zuerst prüfen wir, ob Sie es sind.
sender-method = Wir senden einen Code an { $address }. Mit diesem Code machen Sie in diesem Browser weiter.
sender-code-button = Weiter
held-title = Wer auf Ihre Nachricht wartet
held-lead = Für diese Empfänger Ihrer Nachricht vom { $date } brauchen wir etwas, das nur Sie geben können.
held-none = Niemand wartet zurzeit auf Ihre Nachricht vom { $date }. Sie müssen nichts tun.
held-ready =
    { $n ->
        [one] 1 weiterer Empfänger kann geprüft werden und erhält die Nachricht, sobald niemand mehr wartet.
       *[other] { $n } weitere Empfänger können geprüft werden und erhalten die Nachricht, sobald niemand mehr wartet.
    }
held-until = Wartet bis { $date }. Danach melden wir Ihnen, dass die Nachricht nicht zugestellt wurde.
held-announced = Weiß, dass Ihre Nachricht bereitliegt. Wenn die Nummer oder der Zugangscode nicht stimmt, geben Sie etwas anderes an; wir teilen es dem Empfänger dann noch einmal mit.
held-number = Mobilnummer
held-number-hint = Mit einem Plus und der Landesvorwahl, zum Beispiel +31 6 12345678. Wir senden per SMS einen Code dorthin.
held-or-code = Oder ein Zugangscode
held-code-hint = Mindestens 6 Zeichen. Sagen Sie ihn dem Empfänger am Telefon oder persönlich, nicht per E-Mail.
held-button = Nachricht weitersenden
held-email = Oder lassen Sie uns dem Empfänger einen Code per E-Mail senden. Wer dieses Postfach lesen kann, kann dann die Nachricht lesen.
held-email-button = Code per E-Mail erlauben
held-withdraw = Nachricht für { $recipient } zurückziehen
held-more =
    { $n ->
        [one] 1 weiterer Empfänger wird gezeigt, wenn andere erledigt sind.
       *[other] { $n } weitere Empfänger werden gezeigt, wenn andere erledigt sind.
    }
held-done = Danke. Der Empfänger erhält die Nachricht jetzt.
held-withdrawn = Die Nachricht ist für diesen Empfänger zurückgezogen.
held-late = Es wurde nichts geändert: Dieser Empfänger wartet nicht mehr darauf.
held-nothing = Geben Sie ein, womit der Empfänger geprüft wird
held-both = Geben Sie eine Mobilnummer oder einen Zugangscode ein, nicht beides
held-number-malformed = Geben Sie die Mobilnummer mit einem Plus und der Landesvorwahl ein
held-number-unassigned = Diese Nummer ist in keinem Land vergeben. Prüfen Sie die Mobilnummer
held-number-not-mobile = Das ist keine Nummer eines Mobiltelefons. Geben Sie eine Mobilnummer ein
held-number-country = In dieses Land senden wir keine SMS. Geben Sie eine andere Mobilnummer oder einen Zugangscode ein
held-code-length = Geben Sie einen Zugangscode von 6 bis 64 Zeichen ein
withdrawn-title = Zurückgezogen
withdraw-title = Nachricht zurückziehen?
withdraw-lead = { $recipient } kann sie dann nie mehr lesen. Das lässt sich nicht rückgängig machen.
withdraw-button = Zurückziehen
withdraw-back = Zurück, ohne zurückzuziehen

# Die Nachricht

no-subject = (kein Betreff)
date-label = Datum
attachments =
    { $n ->
        [one] 1 Anhang
       *[other] { $n } Anhänge
    }
executable = Diese Datei kann Programme ausführen. Öffnen Sie sie nur, wenn Sie sie erwarten.
images-blocked =
    { $n ->
        [one] 1 Bild aus dem Internet wurde nicht geladen. So kann der Absender nicht sehen, wann Sie lesen.
       *[other] { $n } Bilder aus dem Internet wurden nicht geladen. So kann der Absender nicht sehen, wann Sie lesen.
    }
too-complex = Die gestaltete Ansicht ist nicht verfügbar. Sie sehen den Text; für die Gestaltung laden Sie das Original (.eml) herunter.
not-shown = Wir können diese Nachricht nicht anzeigen. Laden Sie das Original (.eml) herunter und öffnen Sie es in Ihrem Mailprogramm.
no-text = Diese Nachricht hat keinen Text.
frame-title = Inhalt der Nachricht
actions = Was Sie mit dieser Nachricht tun können
print-link = Groß ansehen oder drucken
eml-link = Speichern (.eml)
logout = Schließen und abmelden
readable-until = Sie können diese Nachricht bis { $date } lesen.
file-kind = { $kind }-Datei
file-kind-unknown = Datei

# Abgemeldet

logged-out-title = Sie sind abgemeldet
logged-out = Die Nachricht ist geschlossen. Mit dem Link oder dem Nachrichtencode aus der E-Mail können Sie sie wieder öffnen.
logged-out-shared = Nutzen auch andere diesen Computer? Dann schließen Sie den Browser und löschen Sie die Dateien, die Sie heruntergeladen haben.

# Ist diese E-Mail echt?

genuine-title = Ist diese E-Mail echt?
genuine-lead = { $organisation } sendet vertrauliche Nachrichten nicht mit gewöhnlicher E-Mail. Sie erhalten eine E-Mail, dass eine Nachricht für Sie bereitliegt. So prüfen Sie, ob sie echt ist.
genuine-check-title = Prüfen Sie die E-Mail
genuine-check-from = Die E-Mail kommt von { $address }.
genuine-check-host = Der Link beginnt mit https://{ $host }/ und mit nichts anderem.
genuine-check-typed = Sie müssen den Link nicht anklicken. Geben Sie die Webadresse selbst in Ihren Browser ein, und auf der Startseite den Nachrichtencode.
genuine-never-title = Danach fragen wir nie
genuine-doubt-title = Haben Sie Zweifel?
genuine-doubt = Rufen Sie den Absender unter einer Nummer an, die Sie schon kennen. Verwenden Sie keine Telefonnummer aus der E-Mail selbst.
genuine-more = Mehr dazu:

# Hilfe

help-title = Hilfe
help-no-code-title = Ich bekomme keinen Code
help-no-code = Sehen Sie im Spam-Ordner nach und warten Sie einige Minuten. Der Code geht an die Adresse, an die auch die erste E-Mail ging. Fordern Sie danach einen neuen Code an.
help-wrong-code-title = Mein Code funktioniert nicht
help-wrong-code = Ein Code gilt 10 Minuten und nur einmal. Nach 5 falschen Versuchen brauchen Sie einen neuen Code.
help-access-title = Ich werde nach einem Zugangscode gefragt
help-access = Diesen Code hat der Absender mit Ihnen vereinbart; er steht in keiner E-Mail von uns. Nach 10 falschen Versuchen wird die Nachricht gesperrt, und der Absender erfährt davon.
help-browser-title = Ich lese meine E-Mail auf einem anderen Gerät
help-browser = Das geht. Geben Sie den Code aber auf dem Gerät und in dem Browser ein, in dem Sie ihn angefordert haben.
help-gone-title = Die Nachricht ist nicht mehr da
help-gone = Nachrichten sind eine begrenzte Zeit lesbar; der letzte Tag steht in der E-Mail. Bitten Sie den Absender, die Nachricht noch einmal zu senden.
help-else-title = Etwas anderes
help-else = Wenden Sie sich an den Absender oder an { $organisation }.

# Barrierefreiheit

accessibility-title = Barrierefreiheit
accessibility-lead = { $organisation } möchte, dass alle ihre Nachrichten lesen können.
accessibility-standard-title = Was dieses Portal erfüllen muss
accessibility-standard = Das Portal ist nach WCAG 2.2, Stufe AA, gemacht. Darin ist alles enthalten, was die europäische Norm EN 301 549 von Websites verlangt.
accessibility-works-title = So können Sie das Portal benutzen
accessibility-works-1 = Mit der Tastatur, einem Screenreader oder Sprachsteuerung.
accessibility-works-2 = Auf dem Telefon und mit stark vergrößertem Text.
accessibility-works-3 = Ohne JavaScript, und in hellen oder dunklen Farben, wie Sie es eingestellt haben.
accessibility-limits-title = Was weniger zugänglich sein kann
accessibility-limits = Die Gestaltung einer Nachricht und ihre Anhänge kommen vom Absender. Bitten Sie ihn um eine andere Form, wenn Sie etwas nicht lesen können.
accessibility-contact-title = Ein Problem melden
accessibility-contact = Funktioniert etwas für Sie nicht? Sagen Sie es { $organisation }.

# Was nicht geht

not-found-title = Diese Seite gibt es nicht
not-found-text = Vielleicht ist der Link nicht vollständig. Öffnen Sie den Link aus der E-Mail noch einmal, oder geben Sie auf der Startseite den Nachrichtencode ein.
method-not-allowed-title = Das ist hier nicht möglich
method-not-allowed-text = Diese Seite kann auf diese Weise nicht abgerufen werden.
gone-title = Diese Nachricht ist nicht mehr verfügbar
gone-text = Die Zeit zum Lesen ist vorbei, oder der Absender hat sie zurückgezogen. Bitten Sie ihn, sie noch einmal zu senden.
too-large-title = Das ist zu viel
too-large-text = Ihre Eingabe ist zu lang. Gehen Sie zurück und geben Sie nur ein, wonach gefragt wird.
malformed-title = Das haben wir nicht verstanden
malformed-text = Gehen Sie zur vorigen Seite zurück und versuchen Sie es noch einmal.
cross-site-title = Das kommt nicht von unserer eigenen Seite
cross-site-text = Zu Ihrer Sicherheit tun wir nur, was Sie selbst auf dieser Website anklicken. Öffnen Sie den Link aus der E-Mail noch einmal.
insecure-title = Diese Verbindung ist nicht sicher
insecure-text = Öffnen Sie die Website mit https am Anfang der Adresse.
signed-out-title = Die Nachricht ist geschlossen
signed-out-text = Sie sind abgemeldet, oder Sie waren länger als 30 Minuten nicht aktiv. Öffnen Sie den Link aus der E-Mail noch einmal, oder geben Sie auf der Startseite den Nachrichtencode ein.
other-method-title = Diese Nachricht kann hier nicht geöffnet werden
other-method-text = Sie ist auf eine Weise geschützt, die dieses Portal nicht anbietet. Wenden Sie sich an den Absender.
sender-signed-out-title = Diese Seite ist geschlossen
sender-signed-out-text = Sie sind abgemeldet, oder Sie waren länger als 30 Minuten nicht aktiv. Öffnen Sie den Link in der E-Mail noch einmal.
sender-gone-title = Niemand wartet auf diese Nachricht
sender-gone-text = Sie wurde zurückgezogen, oder ihre Zeit ist abgelaufen. Sie müssen nichts tun.
sender-locked-title = Zu viele falsche Codes
sender-locked-text = Diese Seite ist zu Ihrer Sicherheit gesperrt. Bitten Sie Ihren Administrator, sie zu entsperren.
suspended-title = Ihr Konto ist gesperrt
suspended-text = Sie können zurzeit nichts an Ihren Nachrichten ändern. Fragen Sie Ihren Administrator.
not-yet-title = Die Nachricht liegt noch nicht bereit
not-yet-text = Versuchen Sie es in einigen Minuten noch einmal.
throttled-title = Zu viele Versuche
throttled-text = Von Ihrer Verbindung kamen zu viele Anfragen. Warten Sie etwas und versuchen Sie es dann noch einmal.
locked-title = Zu viele falsche Codes
locked-text = Diese Nachricht ist zu Ihrer Sicherheit gesperrt. Wenden Sie sich an den Absender, der sie freigeben lassen oder noch einmal senden kann.
unavailable-title = Es geht gerade nicht
unavailable-text = Bei uns liegt eine Störung vor. Ihre Nachricht ist sicher aufbewahrt. Versuchen Sie es in einigen Minuten noch einmal.
