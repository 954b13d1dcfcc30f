/* A FILTER on libfcgi: reads STDIN, then DATA, and answers with what it got and DATA in upper case.
   EXIT/exit=N is the appStatus. */
#include "app.h"
#include <ctype.h>

int main(void) {
    FCGX_Request r;
    begin(&r, "libfcgi-filter");
    while (FCGX_Accept_r(&r) == 0) {
        char *exits = option(&r, "EXIT", "exit");
        const char *role = FCGX_GetParam("FCGI_ROLE", r.envp);
        size_t nin, ndata = 0;
        char *in = read_all(r.in, &nin), *data = NULL;
        /* Refused unless the request has the role FILTER. */
        int filter = FCGX_StartFilterData(r.in) == 0;
        if (filter) data = read_all(r.in, &ndata);

        FCGX_PutS("Content-Type: text/plain\r\n\r\n", r.out);
        FCGX_FPrintF(r.out, "role: %s\n", role ? role : "");
        put_params(r.out, r.envp);
        FCGX_FPrintF(r.out, "stdin: %d\n", (int)nin);
        FCGX_PutStr(in, nin, r.out);
        if (filter) FCGX_FPrintF(r.out, "\ndata: %d\n", (int)ndata);
        for (size_t i = 0; i < ndata; i++) FCGX_PutChar(toupper((unsigned char)data[i]), r.out);
        if (exits) FCGX_SetExitStatus(atoi(exits), r.out);

        free(in), free(data), free(exits);
        FCGX_Finish_r(&r);
    }
    return 0;
}
