#include "CCurl.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

_Static_assert(CCURL_ERROR_SIZE == CURL_ERROR_SIZE, "the buffer has libcurl's size");

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode initialized = CURLE_FAILED_INIT;

static void initialize(void) { initialized = curl_global_init(CURL_GLOBAL_DEFAULT); }

static size_t forget(char *data, size_t size, size_t count, void *context) {
    (void)data;
    (void)context;
    return size * count;
}

int ccurl_get(const char *url, long timeout_ms, const char *user_agent, long *status, char *error) {
    error[0] = 0;
    pthread_once(&once, initialize);
    CURL *curl = initialized == CURLE_OK ? curl_easy_init() : NULL;
    if (!curl) {
        strcpy(error, "libcurl could not be started");
        return CURLE_FAILED_INIT;
    }
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 3L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, user_agent);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, forget);
    CURLcode code = curl_easy_perform(curl);
    if (code == CURLE_OK) {
        code = curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
    } else if (error[0] == 0) {
        strncpy(error, curl_easy_strerror(code), CCURL_ERROR_SIZE - 1);
        error[CCURL_ERROR_SIZE - 1] = 0;
    }
    curl_easy_cleanup(curl);
    return code;
}

/// What every request has.
static CURL *begin(const char *url, const char *protocols, const char *ca_file, long timeout_ms, char *error) {
    error[0] = 0;
    pthread_once(&once, initialize);
    CURL *curl = initialized == CURLE_OK ? curl_easy_init() : NULL;
    if (!curl) {
        strcpy(error, "libcurl could not be started");
        return NULL;
    }
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, protocols);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, forget);
    if (ca_file) curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file);
    return curl;
}

static int finish(CURL *curl, CURLcode code, long *status, char *error) {
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
    if (code != CURLE_OK && error[0] == 0) {
        strncpy(error, curl_easy_strerror(code), CCURL_ERROR_SIZE - 1);
        error[CCURL_ERROR_SIZE - 1] = 0;
    }
    curl_easy_cleanup(curl);
    return code;
}

static struct curl_slist *list(const char *const *texts) {
    struct curl_slist *result = NULL;
    for (; *texts; texts++) {
        struct curl_slist *longer = curl_slist_append(result, *texts);
        if (!longer) break;
        result = longer;
    }
    return result;
}

int ccurl_post(const char *url, const char *const *headers, const void *body, size_t size, const char *ca_file,
               long timeout_ms, const char *user_agent, long *status, char *error) {
    CURL *curl = begin(url, "http,https", ca_file, timeout_ms, error);
    if (!curl) return CURLE_FAILED_INIT;
    struct curl_slist *lines = list(headers);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, user_agent);
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, size ? body : "");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, lines);
    CURLcode code = curl_easy_perform(curl);
    curl_slist_free_all(lines);
    return finish(curl, code, status, error);
}

struct source {
    const char *bytes;
    size_t left;
};

static size_t supply(char *buffer, size_t size, size_t count, void *context) {
    struct source *source = context;
    size_t amount = size * count < source->left ? size * count : source->left;
    memcpy(buffer, source->bytes, amount);
    source->bytes += amount;
    source->left -= amount;
    return amount;
}

struct dialogue {
    struct ccurl_answer *answers;
    size_t count;
    size_t next;
    // The server owes the answer to a recipient.
    int waits;
};

// Who is refused is told nowhere else: libcurl gives the last status only.
static int listen_in(CURL *curl, curl_infotype type, char *data, size_t size, void *context) {
    (void)curl;
    struct dialogue *dialogue = context;
    if (type == CURLINFO_HEADER_OUT) {
        dialogue->waits = size >= 8 && strncasecmp(data, "RCPT TO:", 8) == 0 && dialogue->next < dialogue->count;
    } else if (type == CURLINFO_HEADER_IN && dialogue->waits && size >= 4 && data[3] != '-') {
        struct ccurl_answer *answer = &dialogue->answers[dialogue->next++];
        char digits[4] = {data[0], data[1], data[2], 0};
        answer->code = atoi(digits);
        size_t length = size < sizeof answer->text - 1 ? size : sizeof answer->text - 1;
        while (length > 0 && (data[length - 1] == '\r' || data[length - 1] == '\n')) length--;
        memcpy(answer->text, data, length);
        answer->text[length] = 0;
        dialogue->waits = 0;
    }
    return 0;
}

int ccurl_mail(const char *url, int starttls, const char *ca_file, const char *user, const char *password,
               const char *from, const char *const *recipients, const void *message, size_t size,
               long connect_timeout_ms, long timeout_ms, struct ccurl_answer *answers, long *status, char *error) {
    CURL *curl = begin(url, "smtp,smtps", ca_file, timeout_ms, error);
    if (!curl) return CURLE_FAILED_INIT;
    struct source source = {message, size};
    struct curl_slist *to = list(recipients);
    struct dialogue dialogue = {answers, 0, 0, 0};
    for (const char *const *recipient = recipients; *recipient; recipient++) dialogue.count++;
    memset(answers, 0, dialogue.count * sizeof *answers);
    // Up to the end of the login.
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, connect_timeout_ms);
    // libcurl's own patience with one answer is two minutes.
    curl_easy_setopt(curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, timeout_ms / 1000 + 1);
    curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L);
    curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, listen_in);
    curl_easy_setopt(curl, CURLOPT_DEBUGDATA, &dialogue);
    if (starttls) curl_easy_setopt(curl, CURLOPT_USE_SSL, (long)CURLUSESSL_ALL);
    if (user) {
        curl_easy_setopt(curl, CURLOPT_USERNAME, user);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, password);
    }
    curl_easy_setopt(curl, CURLOPT_MAIL_FROM, from);
    curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, to);
    // One address that is gone must not keep the mail from the others.
    curl_easy_setopt(curl, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, supply);
    curl_easy_setopt(curl, CURLOPT_READDATA, &source);
    curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)size);
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    CURLcode code = curl_easy_perform(curl);
    curl_slist_free_all(to);
    return finish(curl, code, status, error);
}
