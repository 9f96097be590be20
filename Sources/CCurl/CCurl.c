#include "CCurl.h"

#include <curl/curl.h>
#include <pthread.h>
#include <string.h>

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
