/*
 * A libmilter milter that hears everything and does nothing: what a milter costs before it has done any work.
 * Usage: noop SOCKET-PATH
 */
#include <libmilter/mfapi.h>
#include <stdio.h>
#include <sys/stat.h>

static sfsistat on_connect(SMFICTX *ctx, char *host, _SOCK_ADDR *address) { return SMFIS_CONTINUE; }
static sfsistat on_line(SMFICTX *ctx, char *line) { return SMFIS_CONTINUE; }
static sfsistat on_envelope(SMFICTX *ctx, char **arguments) { return SMFIS_CONTINUE; }
static sfsistat on_header(SMFICTX *ctx, char *name, char *value) { return SMFIS_CONTINUE; }
static sfsistat on_body(SMFICTX *ctx, unsigned char *octets, size_t count) { return SMFIS_CONTINUE; }
static sfsistat on_event(SMFICTX *ctx) { return SMFIS_CONTINUE; }

static struct smfiDesc noop = {
    .xxfi_name = "noop",
    .xxfi_version = SMFI_VERSION,
    .xxfi_connect = on_connect,
    .xxfi_helo = on_line,
    .xxfi_envfrom = on_envelope,
    .xxfi_envrcpt = on_envelope,
    .xxfi_data = on_event,
    .xxfi_header = on_header,
    .xxfi_eoh = on_event,
    .xxfi_body = on_body,
    .xxfi_eom = on_event,
    .xxfi_abort = on_event,
    .xxfi_close = on_event,
};

int main(int argc, char **argv)
{
    char socket[256];

    if (argc != 2 || snprintf(socket, sizeof socket, "unix:%s", argv[1]) >= (int)sizeof socket)
        return 64;
    /* The socket stands in a private directory, and Postfix is another user. */
    umask(0);
    if (smfi_setconn(socket) != MI_SUCCESS || smfi_register(noop) != MI_SUCCESS)
        return 70;
    return smfi_main();
}
