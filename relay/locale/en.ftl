# What the portal says. Plain text, no HTML; short sentences.

skip = Skip to content
language = Language
footer = About this portal
genuine-link = Is this email genuine?
help-link = Help
accessibility-link = Accessibility
to-front = Go to the start page
never = We never ask for a password, a payment or your bank details.
error-prefix = Error:
error-title = There is a problem

# Dates, times, numbers

month =
    { $n ->
        [1] January
        [2] February
        [3] March
        [4] April
        [5] May
        [6] June
        [7] July
        [8] August
        [9] September
        [10] October
        [11] November
       *[12] December
    }
date = { $day } { $month } { $year }
date-time = { $date }, { $time } ({ $zone })
wait-seconds =
    { $n ->
        [one] 1 second
       *[other] { $n } seconds
    }
wait-minutes =
    { $n ->
        [one] 1 minute
       *[other] { $n } minutes
    }
wait-hours =
    { $n ->
        [one] 1 hour
       *[other] { $n } hours
    }

# Start page

front-title = Secure messages
front-lead = { $organisation } uses this website to send you confidential messages. You read them here, after we have checked that it is you.
find-title = Open your message
find-lead = Did you get an email from us? Enter the message code that is in it.
find-reference = Message code
find-reference-hint = 10 letters and digits. Capitals do not matter.
find-reference-wrong = Enter the message code: 10 letters and digits from the email
find-address = Your email address
find-address-hint = The address at which you received the email.
find-address-wrong = Enter your email address, like name@example.com
find-button = Continue
steps-title = How it works
steps-1 = You received an email with a link and a message code. The content of the message is not in it.
steps-2 = We check that it is you: with a 6-digit code by email or text message, or with the access code that the sender gave you.
steps-3 = With that code you open the message.

# Behind the link

link-title = Secure message
link-heading = Secure message from { $sender }
from = From
to = To
organisation = Organisation
sent = Sent on
until = Readable until
link-method = We send a code to { $address }. With that code you open the message in this browser.
link-method-text = We send a code by text message to the number that ends in { $digits }. With that code you open the message in this browser.
link-method-access = You need the access code that { $sender } gave you. With that code you open the message.
link-button = Send me a code
link-button-access = Continue
not-you-title = Not your email address?
not-you = Then the message is for someone else. Ask { $sender } to send the message to you.

# The code

code-title = Enter your code
code-sent = We sent an email with a code to { $address }.
text-sent = We sent a text message with a code to the number that ends in { $digits }.
code-sent-blind = If the message code and the email address belong together, we sent a code by email or text message. Or enter the access code that the sender gave you.
code-label = Code
code-hint = 6 digits. The code is valid for { $n } minutes.
code-hint-blind = 6 digits, valid for { $n } minutes; or the access code that the sender gave you.
code-button = Open the message
code-none-title = No code received?
code-none = Look in your junk mail too. It can take a few minutes. If you ask for a new code, the previous one stays valid.
text-none = Check that your phone is on and has reception. It can take a few minutes. If you ask for a new code, the previous one stays valid.
code-again = Send a new code
code-again-done = A new code is on its way. The previous code stays valid.
code-again-done-blind = If the message code and the email address belong together and the message opens with a code from us, a new code is on its way.
code-moments-ago = We sent you a code a moment ago. If it does not arrive, ask for a new one in half a minute.
code-not-six = Enter the code: 6 digits from the email
text-not-six = Enter the code: 6 digits from the text message
code-unreadable-blind = Enter the code: 6 digits from the email or text message, or the access code of at least 6 characters
code-wrong =
    { $n ->
        [0] The code is wrong or has expired. Ask for a new code
        [one] The code is wrong or has expired. You have 1 try left
       *[other] The code is wrong or has expired. You have { $n } tries left
    }
code-wrong-blind = The code is wrong or has expired. Check the message code and the email address too. After too many tries you have to wait a while
code-expired = The code has expired. Ask for a new code
code-throttled = Too many tries. Try again in { $wait }
text-send-throttled = No more text messages can be sent now. Try again in { $wait }
code-send-throttled = You have asked for many codes. You can ask again in { $wait }
session-length = After 30 minutes without activity we close the message. You can open it again with a code.

# The access code

access-title = Enter the access code
access-lead = The sender agreed on an access code with you, or told it to you. It is not in the email.
access-label = Access code
access-hint = At least 6 characters. Capitals, spaces and hyphens do not matter.
access-too-short = Enter the access code: at least 6 characters
access-wrong =
    { $n ->
        [one] The access code is wrong. You have 1 try left
       *[other] The access code is wrong. You have { $n } tries left
    }

# What only the sender can give

lack-access-title = I do not have the access code
lack-access = Call the sender on a number that you know and ask for the access code. Or have us ask: the sender gets an email that you do not have the code.
lack-text-title = I get no text message on that number
lack-text = Is the number wrong, or no longer yours? We can tell the sender by email that text messages do not reach you.
lack-blind-title = I do not get a code, or do not have one
lack-blind = If the message opens with a text message or an access code, we can tell the sender by email that you do not have the code.
lack-button = Tell the sender
lack-asked = The sender gets an email from us about it, once a day at most. They will contact you; we never send the access code ourselves.
lack-asked-blind = If the message code and the email address belong together, the sender gets an email from us about it, once a day at most.
lack-unreachable = We cannot reach the sender by email. Contact them yourself, in a way that you already know.

# The sender's page

sender-title = Your secure message
sender-lead = You sent a secure message on { $date }. For some of its recipients we need your help. First we check that it is you.
sender-method = We send a code to { $address }. With that code you go on in this browser.
sender-code-button = Continue
held-title = Who waits for your message
held-lead = For these recipients of your message of { $date } we need something that only you can give.
held-none = Nobody waits for your message of { $date } now. There is nothing you need to do.
held-ready =
    { $n ->
        [one] 1 other recipient can be verified, and gets the message as soon as nobody waits any more.
       *[other] { $n } other recipients can be verified, and get the message as soon as nobody waits any more.
    }
held-until = Waits until { $date }. After that we report to you that the message was not delivered.
held-announced = Has been told that your message is waiting. If the number or the access code is wrong, give another one; we then tell the recipient again.
held-number = Mobile number
held-number-hint = With a plus and the country code, such as +31 6 12345678. We send a code to it by text message.
held-or-code = Or an access code
held-code-hint = At least 6 characters. Tell it to the recipient by telephone or in person, not by email.
held-button = Send the message on
held-email = Or let us send the recipient a code by email. Whoever can read that mailbox can then read the message.
held-email-button = Allow a code by email
held-withdraw = Withdraw the message for { $recipient }
held-more =
    { $n ->
        [one] 1 more recipient is shown when others are done.
       *[other] { $n } more recipients are shown when others are done.
    }
held-done = Thank you. The recipient gets the message now.
held-withdrawn = The message is withdrawn for that recipient.
held-late = Nothing was changed: this recipient no longer waits for it.
held-nothing = Enter what the recipient is to be verified by
held-both = Enter a mobile number or an access code, not both
held-number-malformed = Enter the mobile number with a plus and the country code
held-number-unassigned = This number is in use in no country. Check the mobile number
held-number-not-mobile = This is not the number of a mobile phone. Enter a mobile number
held-number-country = We send no text messages to this country. Enter another mobile number or an access code
held-code-length = Enter an access code of 6 to 64 characters
withdrawn-title = Withdrawn
withdraw-title = Withdraw the message?
withdraw-lead = { $recipient } will then never be able to read it. This cannot be undone.
withdraw-button = Withdraw
withdraw-back = Back, without withdrawing

# The message

no-subject = (no subject)
date-label = Date
attachments =
    { $n ->
        [one] 1 attachment
       *[other] { $n } attachments
    }
executable = This file can run programs. Open it only if you expect it.
images-blocked =
    { $n ->
        [one] 1 image from the internet was not loaded. That way the sender cannot see when you read.
       *[other] { $n } images from the internet were not loaded. That way the sender cannot see when you read.
    }
too-complex = The formatted view is not available. You see the text; download the original (.eml) for the formatting.
not-shown = We cannot show this message. Download the original (.eml) and open it in your mail program.
no-text = This message has no text.
frame-title = Content of the message
actions = What you can do with this message
print-link = View large or print
eml-link = Save (.eml)
logout = Close and log out
readable-until = You can read this message until { $date }.
file-kind = { $kind } file
file-kind-unknown = file

# Logged out

logged-out-title = You are logged out
logged-out = The message is closed. You can open it again with the link or the message code in the email.
logged-out-shared = Do others use this computer too? Then close the browser, and delete the files that you downloaded.

# Is this email genuine?

genuine-title = Is this email genuine?
genuine-lead = { $organisation } does not send confidential messages by ordinary email. You get an email that says that a message is waiting. This is how you check that it is genuine.
genuine-check-title = Check the email
genuine-check-from = The email comes from { $address }.
genuine-check-host = The link starts with https://{ $host }/ and nothing else.
genuine-check-typed = You need not click the link. Type the web address into your browser yourself, and enter the message code on the start page.
genuine-never-title = What we never ask
genuine-doubt-title = In doubt?
genuine-doubt = Call the sender on a number that you already know. Do not use a phone number from the email itself.
genuine-more = More about this:

# Help

help-title = Help
help-no-code-title = I get no code
help-no-code = Look in your junk mail and wait a few minutes. The code goes to the address at which you received the first email. After that, ask for a new code.
help-wrong-code-title = My code does not work
help-wrong-code = A code is valid for 10 minutes and works once. After 5 wrong tries you need a new code.
help-access-title = I am asked for an access code
help-access = The sender agreed on that code with you; it is not in any email of ours. After 10 wrong tries the message is locked, and the sender hears of it.
help-browser-title = I read my email on another device
help-browser = That is fine. Do enter the code on the device and in the browser in which you asked for it.
help-gone-title = The message is gone
help-gone = Messages can be read for a limited time; the last day is in the email. Ask the sender to send the message again.
help-else-title = Something else
help-else = Contact the sender or { $organisation }.

# Accessibility

accessibility-title = Accessibility
accessibility-lead = { $organisation } wants everyone to be able to read their messages.
accessibility-standard-title = What this portal must meet
accessibility-standard = The portal is made to WCAG 2.2, level AA. That contains all that the European standard EN 301 549 asks of websites.
accessibility-works-title = How you can use the portal
accessibility-works-1 = With a keyboard, a screen reader or voice control.
accessibility-works-2 = On a phone and with text greatly enlarged.
accessibility-works-3 = Without JavaScript, and in light or dark colours as you have set them.
accessibility-limits-title = What may be less accessible
accessibility-limits = The formatting of a message and its attachments come from the sender. Ask the sender for another form if you cannot read something.
accessibility-contact-title = Report a problem
accessibility-contact = Does something not work for you? Tell { $organisation }.

# What cannot be done

not-found-title = This page does not exist
not-found-text = Perhaps the link was not copied in full. Open the link in the email again, or enter the message code on the start page.
method-not-allowed-title = That is not possible here
method-not-allowed-text = This page cannot be requested in this way.
gone-title = This message is no longer available
gone-text = The time to read it is over, or the sender withdrew it. Ask the sender to send it again.
too-large-title = That is too much
too-large-text = What you entered is too long. Go back and enter only what is asked for.
malformed-title = We did not understand that
malformed-text = Go back to the previous page and try again.
cross-site-title = This does not come from our own page
cross-site-text = For your safety we only do what you click on this website yourself. Open the link in the email again.
insecure-title = This connection is not secure
insecure-text = Open the website with https at the start of the address.
signed-out-title = The message is closed
signed-out-text = You are logged out, or you were not active for more than 30 minutes. Open the link in the email again, or enter the message code on the start page.
other-method-title = This message cannot be opened here
other-method-text = It is protected in a way that this portal does not offer. Contact the sender.
sender-signed-out-title = This page is closed
sender-signed-out-text = You are logged out, or you were not active for more than 30 minutes. Open the link in the email again.
sender-gone-title = Nobody waits for this message
sender-gone-text = It was withdrawn, or its time is over. There is nothing you need to do.
sender-locked-title = Too many wrong codes
sender-locked-text = This page is locked for your safety. Ask your administrator, who can unlock it.
suspended-title = Your account is suspended
suspended-text = You cannot change anything about your messages now. Ask your administrator.
not-yet-title = The message is not ready yet
not-yet-text = Try again in a few minutes.
throttled-title = Too many tries
throttled-text = Too many requests came from your connection. Wait a while and try again.
locked-title = Too many wrong codes
locked-text = This message is locked for your safety. Contact the sender, who can have it unlocked or send it again.
unavailable-title = It does not work just now
unavailable-text = There is a fault on our side. Your message is kept. Try again in a few minutes.
