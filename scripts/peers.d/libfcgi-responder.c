/* A RESPONDER on libfcgi: echoes method, params and body.
   Switches (param or query): STDERR/stderr=TEXT writes to stderr, EXIT/exit=N is the appStatus,
   BYTES/bytes=N appends N bytes of output, CODE/code=N is the HTTP status. */
#include "app.h"

int main(void) {
    FCGX_Request r;
    begin(&r, "libfcgi-responder");
    while (FCGX_Accept_r(&r) == 0) {
        const char *method = FCGX_GetParam("REQUEST_METHOD", r.envp);
        char *err = option(&r, "STDERR", "stderr"), *exits = option(&r, "EXIT", "exit");
        char *bytes = option(&r, "BYTES", "bytes"), *code = option(&r, "CODE", "code");
        size_t len;
        char *body = read_all(r.in, &len);

        if (code) FCGX_FPrintF(r.out, "Status: %s\r\n", code);
        FCGX_PutS("Content-Type: text/plain\r\n\r\n", r.out);
        FCGX_FPrintF(r.out, "method: %s\n", method ? method : "");
        put_params(r.out, r.envp);
        FCGX_FPrintF(r.out, "body: %d\n", (int)len);
        FCGX_PutStr(body, len, r.out);
        if (err) FCGX_FPrintF(r.err, "%s\n", err);
        for (long n = bytes ? atol(bytes) : 0; n > 0; n--) FCGX_PutChar('x', r.out);
        if (exits) FCGX_SetExitStatus(atoi(exits), r.out);

        free(body), free(err), free(exits), free(bytes), free(code);
        FCGX_Finish_r(&r);
    }
    return 0;
}
