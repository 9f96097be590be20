/// The few calls of libcurl that Bookend makes; `curl_easy_setopt` is variadic, which Swift cannot call.
#pragma once

/// Bytes that `ccurl_get` may write to its `error`.
#define CCURL_ERROR_SIZE 256

/// Gets an http or https address and forgets the body. Returns 0 and sets `status` once the server has answered; otherwise
/// libcurl's number of the error, with its text in `error`. May be called from any thread.
int ccurl_get(const char *url, long timeout_ms, const char *user_agent, long *status, char *error);

#include <stddef.h>

/// Posts a body to an http or https address and forgets the answer's. `headers` ends with a null pointer; `ca_file` may be
/// null. Returns as `ccurl_get` does.
int ccurl_post(const char *url, const char *const *headers, const void *body, size_t size, const char *ca_file,
               long timeout_ms, const char *user_agent, long *status, char *error);

/// What the server answered to one recipient. `code` is 0 when it did not.
struct ccurl_answer {
    int code;
    char text[200];
};

/// Hands a mail to an smtp or smtps server. `recipients` ends with a null pointer; `ca_file` may be null, and so may `user`:
/// no login. Returns 0 once the server has accepted the mail for one recipient; otherwise libcurl's number of the error, with
/// its text in `error`. `answers` has room for one of each recipient, and says for whom it was accepted; `status` is the last
/// one that the server gave.
int ccurl_mail(const char *url, int starttls, const char *ca_file, const char *user, const char *password,
               const char *from, const char *const *recipients, const void *message, size_t size,
               long connect_timeout_ms, long timeout_ms, struct ccurl_answer *answers, long *status, char *error);
