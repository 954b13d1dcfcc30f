/* An AUTHORIZER on libfcgi: allows when the query has token=open or the user is "alice" (any password), and gives the
   web server two variables; anything else is refused, with a line on stderr. */
#include "app.h"

int main(void) {
    FCGX_Request r;
    begin(&r, "libfcgi-authorizer");
    while (FCGX_Accept_r(&r) == 0) {
        const char *user = FCGX_GetParam("REMOTE_USER", r.envp);
        const char *basic = FCGX_GetParam("HTTP_AUTHORIZATION", r.envp);
        char *token = option(&r, "TOKEN", "token");
        int allowed = (token && !strcmp(token, "open")) || (user && !strcmp(user, "alice")) ||
                      (basic && !strncmp(basic, "Basic YWxpY2U6", 14)); /* "alice:" */
        if (allowed) {
            FCGX_PutS("Status: 200 OK\r\nVariable-AUTH_USER: alice\r\nVariable-AUTH_LEVEL: 7\r\n\r\n", r.out);
        } else {
            FCGX_FPrintF(r.err, "refused: %s\n", user ? user : "nobody");
            FCGX_PutS("Status: 403 Forbidden\r\nContent-Type: text/plain\r\n\r\nrefused\n", r.out);
        }
        free(token);
        FCGX_Finish_r(&r);
    }
    return 0;
}
