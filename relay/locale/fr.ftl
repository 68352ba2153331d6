# Ce que dit le portail. Texte brut, sans HTML ; phrases courtes, « vous ».
# Devant : ; ? ! se trouve une espace insécable.

skip = Aller au contenu
language = Langue
footer = À propos de ce portail
genuine-link = Cet e-mail est-il authentique ?
help-link = Aide
accessibility-link = Accessibilité
to-front = Aller à la page d’accueil
never = Nous ne demandons jamais de mot de passe, de paiement ni de données bancaires.
error-prefix = Erreur :
error-title = Il y a un problème

# Dates, heures, nombres

month =
    { $n ->
        [1] janvier
        [2] février
        [3] mars
        [4] avril
        [5] mai
        [6] juin
        [7] juillet
        [8] août
        [9] septembre
        [10] octobre
        [11] novembre
       *[12] décembre
    }
date = { $day } { $month } { $year }
date-time = { $date } à { $time } ({ $zone })
wait-seconds =
    { $n ->
        [one] { $n } seconde
       *[other] { $n } secondes
    }
wait-minutes =
    { $n ->
        [one] { $n } minute
       *[other] { $n } minutes
    }
wait-hours =
    { $n ->
        [one] { $n } heure
       *[other] { $n } heures
    }

# Page d’accueil

front-title = Messages sécurisés
front-lead = { $organisation } vous envoie des messages confidentiels par ce site. Vous les lisez ici, après que nous avons vérifié que c’est bien vous.
find-title = Ouvrir votre message
find-lead = Vous avez reçu un e-mail de notre part ? Saisissez le code de message qui s’y trouve.
find-reference = Code de message
find-reference-hint = 10 lettres et chiffres. Les majuscules ne comptent pas.
find-reference-wrong = Saisissez le code de message : 10 lettres et chiffres de l’e-mail
find-address = Votre adresse e-mail
find-address-hint = L’adresse à laquelle vous avez reçu l’e-mail.
find-address-wrong = Saisissez votre adresse e-mail, par exemple nom@exemple.fr
find-button = Continuer
steps-title = Comment cela fonctionne
steps-1 = Vous avez reçu un e-mail avec un lien et un code de message. Le contenu du message ne s’y trouve pas.
steps-2 = Nous vérifions que c’est bien vous : avec un code de 6 chiffres par e-mail ou par SMS, ou avec le code d’accès que l’expéditeur vous a donné.
steps-3 = Avec ce code, vous ouvrez le message.

# Derrière le lien

link-title = Message sécurisé
link-heading = Message sécurisé de { $sender }
from = De
to = À
organisation = Organisation
sent = Envoyé le
until = Lisible jusqu’au
link-method = Nous envoyons un code à { $address }. Avec ce code, vous ouvrez le message dans ce navigateur.
link-method-text = Nous envoyons un SMS avec un code au numéro se terminant par { $digits }. Avec ce code, vous ouvrez le message dans ce navigateur.
link-method-access = Il vous faut le code d’accès que { $sender } vous a donné. Avec ce code, vous ouvrez le message.
link-button = Envoyez-moi un code
link-button-access = Continuer
not-you-title = Ce n’est pas votre adresse e-mail ?
not-you = Alors le message est pour quelqu’un d’autre. Demandez à { $sender } de vous envoyer le message.

# Le code

code-title = Saisissez votre code
code-sent = Nous avons envoyé un e-mail avec un code à { $address }.
text-sent = Nous avons envoyé un SMS avec un code au numéro se terminant par { $digits }.
code-sent-blind = Si le code de message et l’adresse e-mail vont ensemble, nous avons envoyé un code par e-mail ou par SMS. Ou saisissez le code d’accès que l’expéditeur vous a donné.
code-label = Code
code-hint = 6 chiffres. Le code est valable { $n } minutes.
code-hint-blind = 6 chiffres, valables { $n } minutes ; ou le code d’accès que l’expéditeur vous a donné.
code-button = Ouvrir le message
code-none-title = Pas de code reçu ?
code-none = Regardez aussi dans vos courriers indésirables. Cela peut prendre quelques minutes. Si vous demandez un nouveau code, le précédent reste valable.
text-none = Vérifiez que votre téléphone est allumé et qu’il a du réseau. Cela peut prendre quelques minutes. Si vous demandez un nouveau code, le précédent reste valable.
code-again = Envoyer un nouveau code
code-again-done = Un nouveau code est en route. Le code précédent reste valable.
code-again-done-blind = Si le code de message et l’adresse e-mail vont ensemble et que le message s’ouvre avec un code de notre part, un nouveau code est en route.
code-moments-ago = Nous venons de vous envoyer un code. S’il n’arrive pas, demandez-en un nouveau dans une demi-minute.
code-not-six = Saisissez le code : 6 chiffres de l’e-mail
text-not-six = Saisissez le code : 6 chiffres du SMS
code-unreadable-blind = Saisissez le code : 6 chiffres de l’e-mail ou du SMS, ou le code d’accès d’au moins 6 caractères
code-wrong =
    { $n ->
        [0] Le code est faux ou a expiré. Demandez un nouveau code
        [one] Le code est faux ou a expiré. Il vous reste { $n } essai
       *[other] Le code est faux ou a expiré. Il vous reste { $n } essais
    }
code-wrong-blind = Le code est faux ou a expiré. Vérifiez aussi le code de message et l’adresse e-mail. Après trop d’essais, vous devez attendre un moment
code-expired = Le code a expiré. Demandez un nouveau code
code-throttled = Trop d’essais. Réessayez dans { $wait }
text-send-throttled = Aucun SMS ne peut plus être envoyé pour le moment. Réessayez dans { $wait }
code-send-throttled = Vous avez demandé beaucoup de codes. Réessayez dans { $wait }
session-length = Après 30 minutes sans activité, nous fermons le message. Vous pouvez le rouvrir avec un code.

# Le code d’accès

access-title = Saisissez le code d’accès
access-lead = L’expéditeur a convenu d’un code d’accès avec vous, ou vous l’a dit. Il n’est pas dans l’e-mail.
access-label = Code d’accès
access-hint = Au moins 6 caractères. Les majuscules, les espaces et les tirets ne comptent pas.
access-too-short = Saisissez le code d’accès : au moins 6 caractères
access-wrong =
    { $n ->
        [one] Le code d’accès est faux. Il vous reste { $n } essai
       *[other] Le code d’accès est faux. Il vous reste { $n } essais
    }

# Ce que seul l’expéditeur peut donner

lack-access-title = Je n’ai pas le code d’accès
lack-access = Appelez l’expéditeur à un numéro que vous connaissez et demandez-lui le code d’accès. Ou laissez-nous demander : l’expéditeur reçoit un e-mail disant que vous n’avez pas le code.
lack-text-title = Je ne reçois pas de SMS à ce numéro
lack-text = Le numéro est faux, ou n’est plus le vôtre ? Nous pouvons dire à l’expéditeur par e-mail que les SMS ne vous parviennent pas.
lack-blind-title = Je ne reçois pas de code, ou je n’en ai pas
lack-blind = Si le message s’ouvre avec un SMS ou un code d’accès, nous pouvons dire à l’expéditeur par e-mail que vous n’avez pas le code.
lack-button = Prévenir l’expéditeur
lack-asked = L’expéditeur reçoit un e-mail de notre part à ce sujet, une fois par jour au plus. Il vous contactera ; nous n’envoyons jamais le code d’accès nous-mêmes.
lack-asked-blind = Si le code de message et l’adresse e-mail vont ensemble, l’expéditeur reçoit un e-mail de notre part à ce sujet, une fois par jour au plus.
lack-unreachable = Nous ne pouvons pas joindre l’expéditeur par e-mail. Contactez-le vous-même, par un moyen que vous connaissez déjà.

# La page de l’expéditeur

sender-title = Votre message sécurisé
sender-lead = Vous avez envoyé un message sécurisé le { $date }. Pour certains destinataires, nous avons besoin de votre aide. Nous vérifions d’abord que c’est bien vous.
sender-method = Nous envoyons un code à { $address }. Avec ce code, vous continuez dans ce navigateur.
sender-code-button = Continuer
held-title = Qui attend votre message
held-lead = Pour ces destinataires de votre message du { $date }, il nous faut quelque chose que vous seul pouvez donner.
held-none = Personne n’attend actuellement votre message du { $date }. Vous n’avez rien à faire.
held-ready =
    { $n ->
        [one] 1 autre destinataire peut être vérifié et recevra le message dès que plus personne n’attend.
       *[other] { $n } autres destinataires peuvent être vérifiés et recevront le message dès que plus personne n’attend.
    }
held-until = Attend jusqu’au { $date }. Ensuite, nous vous signalerons que le message n’a pas été remis.
held-announced = Sait que votre message l’attend. Si le numéro ou le code d’accès est faux, donnez-en un autre ; nous préviendrons de nouveau le destinataire.
held-number = Numéro de mobile
held-number-hint = Avec un plus et l’indicatif du pays, comme +31 6 12345678. Nous y envoyons un code par SMS.
held-or-code = Ou un code d’accès
held-code-hint = Au moins 6 caractères. Donnez-le au destinataire par téléphone ou de vive voix, pas par e-mail.
held-button = Transmettre le message
held-email = Ou laissez-nous envoyer au destinataire un code par e-mail. Toute personne qui peut lire cette boîte pourra alors lire le message.
held-email-button = Autoriser un code par e-mail
held-withdraw = Retirer le message pour { $recipient }
held-more =
    { $n ->
        [one] 1 autre destinataire sera affiché quand d’autres seront traités.
       *[other] { $n } autres destinataires seront affichés quand d’autres seront traités.
    }
held-done = Merci. Le destinataire reçoit maintenant le message.
held-withdrawn = Le message est retiré pour ce destinataire.
held-late = Rien n’a été modifié : ce destinataire n’attend plus.
held-nothing = Saisissez ce qui servira à vérifier le destinataire
held-both = Saisissez un numéro de mobile ou un code d’accès, pas les deux
held-number-malformed = Saisissez le numéro de mobile avec un plus et l’indicatif du pays
held-number-unassigned = Ce numéro n’est attribué dans aucun pays. Vérifiez le numéro de mobile
held-number-not-mobile = Ce n’est pas le numéro d’un téléphone mobile. Saisissez un numéro de mobile
held-number-country = Nous n’envoyons pas de SMS vers ce pays. Saisissez un autre numéro de mobile ou un code d’accès
held-code-length = Saisissez un code d’accès de 6 à 64 caractères
withdrawn-title = Message retiré
withdraw-title = Retirer le message ?
withdraw-lead = { $recipient } ne pourra alors plus jamais le lire. C’est définitif.
withdraw-button = Retirer
withdraw-back = Retour, sans retirer

# Le message

no-subject = (sans objet)
date-label = Date
attachments =
    { $n ->
        [one] { $n } pièce jointe
       *[other] { $n } pièces jointes
    }
executable = Ce fichier peut exécuter des programmes. Ne l’ouvrez que si vous l’attendez.
images-blocked =
    { $n ->
        [one] { $n } image d’internet n’a pas été chargée. Ainsi, l’expéditeur ne peut pas voir quand vous lisez.
       *[other] { $n } images d’internet n’ont pas été chargées. Ainsi, l’expéditeur ne peut pas voir quand vous lisez.
    }
too-complex = La vue mise en forme n’est pas disponible. Vous voyez le texte ; téléchargez l’original (.eml) pour la mise en forme.
not-shown = Nous ne pouvons pas afficher ce message. Téléchargez l’original (.eml) et ouvrez-le dans votre logiciel de messagerie.
no-text = Ce message n’a pas de texte.
frame-title = Contenu du message
actions = Ce que vous pouvez faire avec ce message
print-link = Afficher en grand ou imprimer
eml-link = Enregistrer (.eml)
logout = Fermer et se déconnecter
readable-until = Vous pouvez lire ce message jusqu’au { $date }.
file-kind = fichier { $kind }
file-kind-unknown = fichier

# Déconnecté

logged-out-title = Vous êtes déconnecté
logged-out = Le message est fermé. Vous pouvez le rouvrir avec le lien ou le code de message de l’e-mail.
logged-out-shared = D’autres personnes utilisent cet ordinateur ? Alors fermez le navigateur et supprimez les fichiers que vous avez téléchargés.

# Cet e-mail est-il authentique ?

genuine-title = Cet e-mail est-il authentique ?
genuine-lead = { $organisation } n’envoie pas de messages confidentiels par e-mail ordinaire. Vous recevez un e-mail qui dit qu’un message vous attend. Voici comment vérifier qu’il est authentique.
genuine-check-title = Vérifiez l’e-mail
genuine-check-from = L’e-mail vient de { $address }.
genuine-check-host = Le lien commence par https://{ $host }/ et par rien d’autre.
genuine-check-typed = Vous n’avez pas besoin de cliquer sur le lien. Tapez vous-même l’adresse du site dans votre navigateur, puis saisissez le code de message sur la page d’accueil.
genuine-never-title = Ce que nous ne demandons jamais
genuine-doubt-title = Un doute ?
genuine-doubt = Appelez l’expéditeur à un numéro que vous connaissez déjà. N’utilisez pas un numéro de téléphone trouvé dans l’e-mail.
genuine-more = Pour en savoir plus :

# Aide

help-title = Aide
help-no-code-title = Je ne reçois pas de code
help-no-code = Regardez dans vos courriers indésirables et attendez quelques minutes. Le code va à l’adresse à laquelle vous avez reçu le premier e-mail. Ensuite, demandez un nouveau code.
help-wrong-code-title = Mon code ne fonctionne pas
help-wrong-code = Un code est valable 10 minutes et une seule fois. Après 5 essais faux, il vous faut un nouveau code.
help-access-title = On me demande un code d’accès
help-access = L’expéditeur a convenu de ce code avec vous ; il n’est dans aucun de nos e-mails. Après 10 essais faux, le message est bloqué et l’expéditeur en est informé.
help-browser-title = Je lis mes e-mails sur un autre appareil
help-browser = C’est possible. Mais saisissez le code sur l’appareil et dans le navigateur où vous l’avez demandé.
help-gone-title = Le message n’est plus là
help-gone = Les messages sont lisibles pendant un temps limité ; le dernier jour est indiqué dans l’e-mail. Demandez à l’expéditeur de renvoyer le message.
help-else-title = Autre chose
help-else = Contactez l’expéditeur ou { $organisation }.

# Accessibilité

accessibility-title = Accessibilité
accessibility-lead = { $organisation } veut que chacun puisse lire ses messages.
accessibility-standard-title = Ce que ce portail doit respecter
accessibility-standard = Le portail est conçu selon WCAG 2.2, niveau AA. Cela comprend tout ce que la norme européenne EN 301 549 demande aux sites web.
accessibility-works-title = Comment vous pouvez utiliser le portail
accessibility-works-1 = Avec un clavier, un lecteur d’écran ou la commande vocale.
accessibility-works-2 = Sur un téléphone et avec un texte très agrandi.
accessibility-works-3 = Sans JavaScript, et en couleurs claires ou sombres selon votre réglage.
accessibility-limits-title = Ce qui peut être moins accessible
accessibility-limits = La mise en forme d’un message et ses pièces jointes viennent de l’expéditeur. Demandez-lui une autre forme si vous ne pouvez pas lire quelque chose.
accessibility-contact-title = Signaler un problème
accessibility-contact = Quelque chose ne fonctionne pas pour vous ? Dites-le à { $organisation }.

# Ce qui n’est pas possible

not-found-title = Cette page n’existe pas
not-found-text = Le lien n’a peut-être pas été copié en entier. Ouvrez de nouveau le lien de l’e-mail, ou saisissez le code de message sur la page d’accueil.
method-not-allowed-title = Ce n’est pas possible ici
method-not-allowed-text = Cette page ne peut pas être demandée de cette façon.
gone-title = Ce message n’est plus disponible
gone-text = Le temps pour le lire est écoulé, ou l’expéditeur l’a retiré. Demandez-lui de le renvoyer.
too-large-title = C’est trop
too-large-text = Ce que vous avez saisi est trop long. Revenez en arrière et ne saisissez que ce qui est demandé.
malformed-title = Nous n’avons pas compris
malformed-text = Revenez à la page précédente et réessayez.
cross-site-title = Cela ne vient pas de notre propre page
cross-site-text = Pour votre sécurité, nous ne faisons que ce que vous cliquez vous-même sur ce site. Ouvrez de nouveau le lien de l’e-mail.
insecure-title = Cette connexion n’est pas sécurisée
insecure-text = Ouvrez le site avec https au début de l’adresse.
signed-out-title = Le message est fermé
signed-out-text = Vous êtes déconnecté, ou vous êtes resté inactif plus de 30 minutes. Ouvrez de nouveau le lien de l’e-mail, ou saisissez le code de message sur la page d’accueil.
other-method-title = Ce message ne peut pas être ouvert ici
other-method-text = Il est protégé d’une manière que ce portail ne propose pas. Contactez l’expéditeur.
sender-signed-out-title = Cette page est fermée
sender-signed-out-text = Vous êtes déconnecté, ou vous êtes resté inactif pendant plus de 30 minutes. Ouvrez de nouveau le lien dans l’e-mail.
sender-gone-title = Personne n’attend ce message
sender-gone-text = Il a été retiré, ou son délai est écoulé. Vous n’avez rien à faire.
sender-locked-title = Trop de codes erronés
sender-locked-text = Cette page est bloquée pour votre sécurité. Demandez à votre administrateur de la débloquer.
suspended-title = Votre compte est suspendu
suspended-text = Vous ne pouvez rien modifier à vos messages pour l’instant. Adressez-vous à votre administrateur.
not-yet-title = Le message n’est pas encore prêt
not-yet-text = Réessayez dans quelques minutes.
throttled-title = Trop d’essais
throttled-text = Trop de demandes sont venues de votre connexion. Attendez un peu, puis réessayez.
locked-title = Trop de codes faux
locked-text = Ce message est bloqué pour votre sécurité. Contactez l’expéditeur, qui peut le faire débloquer ou le renvoyer.
unavailable-title = Cela ne fonctionne pas pour le moment
unavailable-text = Il y a une panne de notre côté. Votre message est conservé. Réessayez dans quelques minutes.
