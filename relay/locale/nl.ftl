# Wat de portal zegt. Platte tekst, geen HTML; korte zinnen, "u".

skip = Ga naar de inhoud
language = Taal
footer = Over deze portal
genuine-link = Is deze mail echt?
help-link = Hulp
accessibility-link = Toegankelijkheid
to-front = Naar de startpagina
never = Wij vragen nooit om een wachtwoord, een betaling of uw DigiD.
error-prefix = Fout:
error-title = Er ging iets mis

# Datums, tijden, aantallen

month =
    { $n ->
        [1] januari
        [2] februari
        [3] maart
        [4] april
        [5] mei
        [6] juni
        [7] juli
        [8] augustus
        [9] september
        [10] oktober
        [11] november
       *[12] december
    }
date = { $day } { $month } { $year }
date-time = { $date }, { $time } uur ({ $zone })
wait-seconds =
    { $n ->
        [one] 1 seconde
       *[other] { $n } seconden
    }
wait-minutes =
    { $n ->
        [one] 1 minuut
       *[other] { $n } minuten
    }
wait-hours =
    { $n ->
        [one] 1 uur
       *[other] { $n } uur
    }

# Startpagina

front-title = Beveiligde berichten
front-lead = { $organisation } gebruikt deze website om u vertrouwelijke berichten te sturen. U leest ze hier, nadat wij hebben gecontroleerd dat u het bent.
find-title = Open uw bericht
find-lead = Hebt u een e-mail van ons gekregen? Vul dan de berichtcode in die daarin staat.
find-reference = Berichtcode
find-reference-hint = 10 letters en cijfers. Hoofdletters maken niet uit.
find-reference-wrong = Vul de berichtcode in: 10 letters en cijfers uit de e-mail
find-address = Uw e-mailadres
find-address-hint = Het adres waarop u de e-mail hebt gekregen.
find-address-wrong = Vul uw e-mailadres in, zoals naam@voorbeeld.nl
find-button = Verder
steps-title = Zo werkt het
steps-1 = U kreeg een e-mail met een link en een berichtcode. De inhoud van het bericht staat er niet in.
steps-2 = Wij controleren of u het bent: met een code van 6 cijfers per e-mail of sms, of met de toegangscode die u van de afzender kreeg.
steps-3 = Met die code opent u het bericht.

# Achter de link

link-title = Beveiligd bericht
link-heading = Beveiligd bericht van { $sender }
from = Van
to = Aan
organisation = Organisatie
sent = Verstuurd op
until = Te lezen tot en met
link-method = Wij sturen een code naar { $address }. Met die code opent u het bericht in deze browser.
link-method-text = Wij sturen een sms met een code naar het nummer dat eindigt op { $digits }. Met die code opent u het bericht in deze browser.
link-method-access = U hebt de toegangscode nodig die u van { $sender } kreeg. Met die code opent u het bericht.
link-button = Stuur mij een code
link-button-access = Verder
not-you-title = Is dit niet uw e-mailadres?
not-you = Dan is het bericht voor iemand anders. Vraag { $sender } om het bericht naar u te sturen.

# De code

code-title = Vul uw code in
code-sent = Wij hebben een e-mail met een code gestuurd naar { $address }.
text-sent = Wij hebben een sms met een code gestuurd naar het nummer dat eindigt op { $digits }.
code-sent-blind = Horen de berichtcode en het e-mailadres bij elkaar? Dan hebben wij een code gestuurd, per e-mail of sms. Of vul de toegangscode in die u van de afzender kreeg.
code-label = Code
code-hint = 6 cijfers. De code is { $n } minuten geldig.
code-hint-blind = 6 cijfers, { $n } minuten geldig; of de toegangscode die u van de afzender kreeg.
code-button = Open het bericht
code-none-title = Geen code gekregen?
code-none = Kijk ook bij ongewenste e-mail. Het kan een paar minuten duren. Vraagt u een nieuwe code aan, dan blijft de vorige ook geldig.
text-none = Kijk of uw telefoon aan staat en bereik heeft. Het kan een paar minuten duren. Vraagt u een nieuwe code aan, dan blijft de vorige ook geldig.
code-again = Stuur een nieuwe code
code-again-done = Er is een nieuwe code onderweg. De vorige code blijft ook geldig.
code-again-done-blind = Horen de berichtcode en het e-mailadres bij elkaar, en opent het bericht met een code van ons? Dan is er een nieuwe code onderweg.
code-moments-ago = Wij hebben u zojuist al een code gestuurd. Komt die niet aan, vraag dan over een halve minuut een nieuwe aan.
code-not-six = Vul de code in: 6 cijfers uit de e-mail
text-not-six = Vul de code in: 6 cijfers uit de sms
code-unreadable-blind = Vul de code in: 6 cijfers uit de e-mail of sms, of de toegangscode van minstens 6 tekens
code-wrong =
    { $n ->
        [0] De code klopt niet of is verlopen. Vraag een nieuwe code aan
        [one] De code klopt niet of is verlopen. U hebt nog 1 poging
       *[other] De code klopt niet of is verlopen. U hebt nog { $n } pogingen
    }
code-wrong-blind = De code klopt niet of is verlopen. Controleer ook de berichtcode en het e-mailadres. Na te veel pogingen moet u een tijd wachten
code-expired = De code is verlopen. Vraag een nieuwe code aan
code-throttled = Te veel pogingen. Probeer het over { $wait } opnieuw
text-send-throttled = Er kan nu geen sms meer worden gestuurd. Probeer het over { $wait } opnieuw
code-send-throttled = U hebt vaak een code aangevraagd. Over { $wait } kan het weer
session-length = Na 30 minuten zonder activiteit sluiten wij het bericht. U kunt het dan met een code weer openen.

# De toegangscode

access-title = Vul de toegangscode in
access-lead = De afzender heeft een toegangscode met u afgesproken, of aan u verteld. Die staat niet in de e-mail.
access-label = Toegangscode
access-hint = Minstens 6 tekens. Hoofdletters, spaties en streepjes maken niet uit.
access-too-short = Vul de toegangscode in: minstens 6 tekens
access-wrong =
    { $n ->
        [one] De toegangscode klopt niet. U hebt nog 1 poging
       *[other] De toegangscode klopt niet. U hebt nog { $n } pogingen
    }

# Wat alleen de afzender kan geven

lack-access-title = Ik heb de toegangscode niet
lack-access = Bel de afzender op een nummer dat u kent en vraag om de toegangscode. Of laat het ons vragen: de afzender krijgt dan een e-mail dat u de code niet hebt.
lack-text-title = Ik krijg geen sms op dat nummer
lack-text = Klopt het nummer niet, of is het niet meer van u? Wij kunnen de afzender per e-mail laten weten dat de sms u niet bereikt.
lack-blind-title = Ik krijg geen code, of heb er geen
lack-blind = Opent het bericht met een sms of een toegangscode? Dan kunnen wij de afzender per e-mail laten weten dat u de code niet hebt.
lack-button = Laat het de afzender weten
lack-asked = De afzender krijgt hierover een e-mail van ons, hoogstens één keer per dag. De afzender neemt contact met u op; de toegangscode sturen wij nooit zelf.
lack-asked-blind = Horen de berichtcode en het e-mailadres bij elkaar? Dan krijgt de afzender hierover een e-mail van ons, hoogstens één keer per dag.
lack-unreachable = Wij kunnen de afzender niet per e-mail bereiken. Neem zelf contact op, op een manier die u al kent.

# De pagina van de afzender

sender-title = Uw beveiligde bericht
sender-lead = U hebt op { $date } een beveiligd bericht gestuurd. Voor een deel van de ontvangers hebben wij uw hulp nodig. Eerst controleren wij of u het bent.
sender-method = Wij sturen een code naar { $address }. Met die code gaat u in deze browser verder.
sender-code-button = Verder
held-title = Wie op uw bericht wacht
held-lead = Voor deze ontvangers van uw bericht van { $date } hebben wij iets nodig dat alleen u kunt geven.
held-none = Niemand wacht nu op uw bericht van { $date }. U hoeft niets te doen.
held-ready =
    { $n ->
        [one] 1 andere ontvanger kan gecontroleerd worden en krijgt het bericht zodra niemand meer wacht.
       *[other] { $n } andere ontvangers kunnen gecontroleerd worden en krijgen het bericht zodra niemand meer wacht.
    }
held-until = Wacht tot { $date }. Daarna krijgt u bericht dat het niet is afgeleverd.
held-announced = Weet dat uw bericht klaarstaat. Klopt het nummer of de toegangscode niet, geef dan een andere; wij laten het de ontvanger dan opnieuw weten.
held-number = Mobiel nummer
held-number-hint = Met een plus en de landcode, zoals +31 6 12345678. Wij sturen er per sms een code naartoe.
held-or-code = Of een toegangscode
held-code-hint = Minstens 6 tekens. Vertel die de ontvanger per telefoon of in een gesprek, niet per e-mail.
held-button = Bericht doorsturen
held-email = Of laat ons de ontvanger een code per e-mail sturen. Wie die mailbox kan lezen, kan dan het bericht lezen.
held-email-button = Code per e-mail toestaan
held-withdraw = Bericht intrekken voor { $recipient }
held-more =
    { $n ->
        [one] Nog 1 ontvanger ziet u als anderen klaar zijn.
       *[other] Nog { $n } ontvangers ziet u als anderen klaar zijn.
    }
held-done = Dank u. De ontvanger krijgt het bericht nu.
held-withdrawn = Het bericht is voor die ontvanger ingetrokken.
held-late = Er is niets veranderd: deze ontvanger wacht er niet meer op.
held-nothing = Vul in waarmee de ontvanger gecontroleerd wordt
held-both = Vul een mobiel nummer of een toegangscode in, niet allebei
held-number-malformed = Vul het mobiele nummer in met een plus en de landcode
held-number-unassigned = Dit nummer is in geen enkel land in gebruik. Controleer het mobiele nummer
held-number-not-mobile = Dit is geen nummer van een mobiele telefoon. Vul een mobiel nummer in
held-number-country = Naar dit land sturen wij geen sms. Vul een ander mobiel nummer of een toegangscode in
held-code-length = Vul een toegangscode van 6 tot 64 tekens in
withdrawn-title = Ingetrokken
withdraw-title = Bericht intrekken?
withdraw-lead = { $recipient } kan het dan nooit meer lezen. Dit kan niet ongedaan worden gemaakt.
withdraw-button = Intrekken
withdraw-back = Terug, zonder in te trekken

# Het bericht

no-subject = (geen onderwerp)
date-label = Datum
attachments =
    { $n ->
        [one] 1 bijlage
       *[other] { $n } bijlagen
    }
executable = Dit bestand kan programma’s uitvoeren. Open het alleen als u het verwacht.
images-blocked =
    { $n ->
        [one] 1 afbeelding van internet is niet geladen. Zo kan de afzender niet zien wanneer u leest.
       *[other] { $n } afbeeldingen van internet zijn niet geladen. Zo kan de afzender niet zien wanneer u leest.
    }
too-complex = De opgemaakte weergave is niet beschikbaar. U ziet de tekst; download het origineel (.eml) voor de opmaak.
not-shown = Wij kunnen dit bericht niet tonen. Download het origineel (.eml) en open het in uw mailprogramma.
no-text = Dit bericht heeft geen tekst.
frame-title = Inhoud van het bericht
actions = Acties bij dit bericht
print-link = Groot bekijken of afdrukken
eml-link = Bewaren (.eml)
logout = Sluiten en uitloggen
readable-until = U kunt dit bericht lezen tot en met { $date }.
file-kind = { $kind }-bestand
file-kind-unknown = bestand

# Uitgelogd

logged-out-title = U bent uitgelogd
logged-out = Het bericht is gesloten. Met de link of de berichtcode uit de e-mail kunt u het opnieuw openen.
logged-out-shared = Leest u op een computer die anderen ook gebruiken? Sluit dan de browser, en verwijder bestanden die u hebt gedownload.

# Is deze mail echt?

genuine-title = Is deze mail echt?
genuine-lead = { $organisation } stuurt vertrouwelijke berichten niet per gewone e-mail. U krijgt een e-mail die zegt dat er een bericht klaarstaat. Zo controleert u of die echt is.
genuine-check-title = Controleer de e-mail
genuine-check-from = De afzender van de e-mail is { $address }.
genuine-check-host = De link begint met https://{ $host }/ en niets anders.
genuine-check-typed = U hoeft niet op de link te klikken. Typ het webadres zelf in uw browser en vul op de startpagina de berichtcode in.
genuine-never-title = Dit vragen wij nooit
genuine-doubt-title = Twijfelt u?
genuine-doubt = Bel de afzender op een nummer dat u al kent. Gebruik geen telefoonnummer uit de e-mail zelf.
genuine-more = Meer uitleg:

# Hulp

help-title = Hulp
help-no-code-title = Ik krijg geen code
help-no-code = Kijk bij ongewenste e-mail en wacht een paar minuten. De code gaat naar het adres waarop u ook de eerste e-mail kreeg. Vraag daarna een nieuwe code aan.
help-wrong-code-title = Mijn code werkt niet
help-wrong-code = Een code is 10 minuten geldig en werkt één keer. Na 5 foute pogingen hebt u een nieuwe code nodig.
help-access-title = Er wordt een toegangscode gevraagd
help-access = Die code heeft de afzender met u afgesproken; hij staat in geen enkele e-mail van ons. Na 10 foute pogingen wordt het bericht geblokkeerd, en hoort de afzender daarvan.
help-browser-title = Ik lees mijn e-mail op een ander apparaat
help-browser = Dat kan. Vul de code wel in op het apparaat en in de browser waarin u hem hebt aangevraagd.
help-gone-title = Het bericht is er niet meer
help-gone = Berichten zijn een beperkte tijd te lezen; de laatste dag staat in de e-mail. Vraag de afzender om het bericht opnieuw te sturen.
help-else-title = Iets anders
help-else = Neem contact op met de afzender of met { $organisation }.

# Toegankelijkheid

accessibility-title = Toegankelijkheid
accessibility-lead = { $organisation } wil dat iedereen zijn berichten kan lezen.
accessibility-standard-title = Waar deze portal aan moet voldoen
accessibility-standard = De portal is gemaakt volgens WCAG 2.2, niveau AA. Daarin zit alles wat de Europese norm EN 301 549 voor websites vraagt.
accessibility-works-title = Zo kunt u de portal gebruiken
accessibility-works-1 = Met het toetsenbord, een schermlezer of spraakbediening.
accessibility-works-2 = Op een telefoon en met sterk vergrote tekst.
accessibility-works-3 = Zonder JavaScript, en met lichte of donkere kleuren naar uw eigen instelling.
accessibility-limits-title = Wat minder toegankelijk kan zijn
accessibility-limits = De opmaak van een bericht en de bijlagen komen van de afzender. Vraag de afzender om een andere vorm als u iets niet kunt lezen.
accessibility-contact-title = Een probleem melden
accessibility-contact = Werkt iets niet voor u? Meld het bij { $organisation }.

# Wat niet kan

not-found-title = Deze pagina is er niet
not-found-text = Misschien is de link niet helemaal overgenomen. Open de link uit de e-mail opnieuw, of vul de berichtcode in op de startpagina.
method-not-allowed-title = Dat kan hier niet
method-not-allowed-text = Deze pagina kan niet op deze manier worden opgevraagd.
gone-title = Dit bericht is niet meer beschikbaar
gone-text = De tijd om het te lezen is voorbij, of de afzender heeft het ingetrokken. Vraag de afzender om het opnieuw te sturen.
too-large-title = Dat is te veel
too-large-text = Wat u hebt ingevuld is te lang. Ga terug en vul alleen in wat er gevraagd wordt.
malformed-title = Dat hebben wij niet begrepen
malformed-text = Ga terug naar de vorige pagina en probeer het opnieuw.
cross-site-title = Dit komt niet van onze eigen pagina
cross-site-text = Voor uw veiligheid doen wij alleen wat u op deze website zelf aanklikt. Open de link uit de e-mail opnieuw.
insecure-title = Deze verbinding is niet beveiligd
insecure-text = Open de website met https aan het begin van het adres.
signed-out-title = Het bericht is gesloten
signed-out-text = U bent uitgelogd, of u was langer dan 30 minuten niet actief. Open de link uit de e-mail opnieuw, of vul de berichtcode in op de startpagina.
other-method-title = Dit bericht kan hier niet worden geopend
other-method-text = Het wordt beschermd op een manier die deze portal niet kent. Neem contact op met de afzender.
sender-signed-out-title = Deze pagina is gesloten
sender-signed-out-text = U bent uitgelogd, of u was langer dan 30 minuten niet actief. Open de link in de e-mail opnieuw.
sender-gone-title = Niemand wacht op dit bericht
sender-gone-text = Het is ingetrokken, of de tijd ervoor is voorbij. U hoeft niets te doen.
sender-locked-title = Te veel foute codes
sender-locked-text = Deze pagina is voor uw veiligheid geblokkeerd. Vraag uw beheerder om haar vrij te geven.
suspended-title = Uw account is geblokkeerd
suspended-text = U kunt nu niets aan uw berichten veranderen. Vraag uw beheerder.
not-yet-title = Het bericht staat nog niet klaar
not-yet-text = Probeer het over een paar minuten opnieuw.
throttled-title = Te veel pogingen
throttled-text = Vanaf uw verbinding kwamen te veel verzoeken. Wacht even en probeer het dan opnieuw.
locked-title = Te veel foute codes
locked-text = Dit bericht is voor uw veiligheid geblokkeerd. Neem contact op met de afzender, die het kan laten vrijgeven of opnieuw kan sturen.
unavailable-title = Het lukt nu even niet
unavailable-text = Er is een storing aan onze kant. Uw bericht is bewaard. Probeer het over een paar minuten opnieuw.
