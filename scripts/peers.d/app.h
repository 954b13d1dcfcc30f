/* What the three libfcgi applications share: reading params, echoing a request, the switches a caller can set. */
#include <fcgiapp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static inline void json_string(FCGX_Stream *out, const char *s, size_t n) {
    FCGX_PutChar('"', out);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = s[i];
        if (c == '"' || c == '\\') FCGX_FPrintF(out, "\\%c", c);
        else if (c < 0x20) FCGX_FPrintF(out, "\\u%04x", c);
        else FCGX_PutChar(c, out);
    }
    FCGX_PutChar('"', out);
}

/* All params, sorted, duplicates kept: libfcgi does not promise their order. */
static inline void put_params(FCGX_Stream *out, char **envp) {
    size_t n = 0;
    while (envp[n]) n++;
    char **sorted = malloc((n + 1) * sizeof *sorted);
    memcpy(sorted, envp, (n + 1) * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_name);
    FCGX_PutS("params: {", out);
    for (size_t i = 0; i < n; i++) {
        const char *eq = strchr(sorted[i], '=');
        if (i) FCGX_PutChar(',', out);
        json_string(out, sorted[i], eq - sorted[i]);
        FCGX_PutChar(':', out);
        json_string(out, eq + 1, strlen(eq + 1));
    }
    FCGX_PutS("}\n", out);
    free(sorted);
}

static inline char *read_all(FCGX_Stream *in, size_t *len) {
    size_t cap = 65536;
    char *buf = malloc(cap);
    *len = 0;
    for (int n; (n = FCGX_GetStr(buf + *len, cap - *len, in)) > 0;) {
        *len += n;
        if (*len == cap) buf = realloc(buf, cap *= 2);
    }
    return buf;
}

/* A switch is a param of its own (STDERR=text) or a part of the query string (?stderr=text), so that it can be set
   from behind a web server too. Returns a copy, or NULL. Nothing is unescaped. */
static inline char *option(FCGX_Request *r, const char *param, const char *key) {
    const char *v = FCGX_GetParam(param, r->envp);
    if (v) return strdup(v);
    const char *q = FCGX_GetParam("QUERY_STRING", r->envp);
    size_t klen = strlen(key);
    for (; q && *q; q = strchr(q, '&') ? strchr(q, '&') + 1 : NULL)
        if (!strncmp(q, key, klen) && q[klen] == '=') return strndup(q + klen + 1, strcspn(q + klen + 1, "&"));
    return NULL;
}

static inline void begin(FCGX_Request *r, const char *name) {
    FCGX_Init();
    FCGX_InitRequest(r, 0, 0);
    fprintf(stderr, "%s: ready\n", name);
}
