/// The few calls of libcurl that Bookend makes; `curl_easy_setopt` is variadic, which Swift cannot call.
#pragma once

/// Bytes that `ccurl_get` may write to its `error`.
#define CCURL_ERROR_SIZE 256

/// Gets an http or https address and forgets the body. Returns 0 and sets `status` once the server has answered; otherwise
/// libcurl's number of the error, with its text in `error`. May be called from any thread.
int ccurl_get(const char *url, long timeout_ms, const char *user_agent, long *status, char *error);
