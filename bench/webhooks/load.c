/* Sends signed deliveries over keep-alive connections, each one once, and counts what is answered.
 *
 *   load PORT PATH SCHEME SECRET CONNECTIONS SECONDS PER_SECOND RUN [COUNT]
 *
 * SCHEME is `github` (HMAC-SHA256 in hex of the body) or `standardwebhooks` (in base64 of id, moment and body;
 * SECRET is then the bare base64). PER_SECOND 0 sends the next delivery of a connection when the last one was
 * answered; otherwise deliveries start by the clock, evenly, and the wait for a free connection counts. COUNT
 * ends it after so many deliveries. RUN makes the identifiers of this run its own. A request is signed before
 * its time is taken. What comes out is one JSON object.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BODY 1024
#define MOST_CONNECTIONS 1024

struct connection {
    int fd;
    int busy;
    double began;
    char in[8192];
    size_t have;
};

static struct connection connections[MOST_CONNECTIONS];
static const char *path, *run;
static int standard, count, port;
static SHA256_CTX inner, outer;
static double *taken;
static size_t takens, room;
static long sent, kept, duplicates, others;
static int first_other;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void key(const unsigned char *secret, size_t length) {
    unsigned char pad[64] = {0}, block[64];
    if (length > 64) SHA256(secret, length, pad);
    else memcpy(pad, secret, length);
    for (int i = 0; i < 64; i++) block[i] = pad[i] ^ 0x36;
    SHA256_Init(&inner);
    SHA256_Update(&inner, block, 64);
    for (int i = 0; i < 64; i++) block[i] = pad[i] ^ 0x5c;
    SHA256_Init(&outer);
    SHA256_Update(&outer, block, 64);
}

static void sign(const char *before, size_t length, const char *body, unsigned char *mac) {
    SHA256_CTX context = inner;
    SHA256_Update(&context, before, length);
    SHA256_Update(&context, body, BODY);
    SHA256_Final(mac, &context);
    context = outer;
    SHA256_Update(&context, mac, 32);
    SHA256_Final(mac, &context);
}

/* A delivery of its own: a body of 1 KiB that nobody else sends, and its headers. */
static size_t compose(char *out, size_t size) {
    static char padding[BODY];
    if (!padding[0]) memset(padding, 'x', BODY);
    char body[BODY + 1], id[64], before[128], text[128];
    unsigned char mac[32];
    long number = ++sent;
    snprintf(id, sizeof id, "%s-%08lx-4000-8000-%012lx", run, number, number * 2654435761 % 0xffffffffffff);
    int head = snprintf(body, sizeof body, "{\"type\":\"invoice.paid\",\"number\":%ld,\"run\":\"%s\",\"data\":{\"customer\":"
        "\"cus_%05ld\",\"amount\":%ld,\"currency\":\"eur\"},\"pad\":\"", number, run, number % 100000, number % 9973);
    memcpy(body + head, padding, BODY - head - 2);
    memcpy(body + BODY - 2, "\"}", 2);
    if (standard) {
        int length = snprintf(before, sizeof before, "%s.%ld.", id, (long)time(NULL));
        sign(before, length, body, mac);
        EVP_EncodeBlock((unsigned char *)text, mac, 32);
        *strchr(before, '.') = 0;
        char *moment = before + strlen(before) + 1;
        moment[strlen(moment) - 1] = 0;
        length = snprintf(out, size, "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: Sender/1.0\r\nAccept: */*\r\n"
            "Content-Type: application/json\r\nwebhook-id: %s\r\nwebhook-timestamp: %s\r\nwebhook-signature: v1,%s\r\n"
            "Content-Length: %d\r\n\r\n", path, port, id, moment, text, BODY);
        memcpy(out + length, body, BODY);
        return length + BODY;
    }
    sign("", 0, body, mac);
    for (int i = 0; i < 32; i++) sprintf(text + 2 * i, "%02x", mac[i]);
    int length = snprintf(out, size, "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: GitHub-Hookshot/044aadd\r\n"
        "Accept: */*\r\nContent-Type: application/json\r\nX-GitHub-Event: push\r\nX-GitHub-Delivery: %s\r\n"
        "X-GitHub-Hook-ID: 292430182\r\nX-Hub-Signature-256: sha256=%s\r\nContent-Length: %d\r\n\r\n",
        path, port, id, text, BODY);
    memcpy(out + length, body, BODY);
    return length + BODY;
}

static void open_connection(struct connection *connection) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int yes = 1;
    connection->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(connection->fd, (struct sockaddr *)&address, sizeof address)) fail("connect");
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    fcntl(connection->fd, F_SETFL, O_NONBLOCK);
    connection->busy = 0;
    connection->have = 0;
}

/* Requests fit into an empty socket's buffer, so one write takes all of it. */
static void send_one(struct connection *connection, double began) {
    char out[4096];
    size_t length = compose(out, sizeof out);
    connection->began = began ? began : now();
    connection->busy = 1;
    if (write(connection->fd, out, length) != (ssize_t)length) fail("write");
}

/* Takes in what came; whether an answer is whole. */
static int answered(struct connection *connection) {
    ssize_t got = read(connection->fd, connection->in + connection->have, sizeof connection->in - connection->have - 1);
    if (got < 0 && errno == EAGAIN) return 0;
    if (got <= 0) { fprintf(stderr, "a connection was closed\n"); exit(1); }
    connection->have += got;
    connection->in[connection->have] = 0;
    char *end = strstr(connection->in, "\r\n\r\n");
    if (!end) return 0;
    char *length = strcasestr(connection->in, "\r\ncontent-length:");
    size_t whole = end + 4 - connection->in + (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
    if (connection->have < whole) return 0;
    if (connection->have > whole) { fprintf(stderr, "more than an answer\n"); exit(1); }
    int status = atoi(connection->in + 9);
    if (status == 200 && strstr(end, "\"duplicate\":false")) kept++;
    else if (status == 200) duplicates++;
    else { others++; if (!first_other) { first_other = status; fprintf(stderr, "%s\n", connection->in); } }
    if (takens == room) taken = realloc(taken, (room = room ? 2 * room : 65536) * sizeof *taken);
    taken[takens++] = now() - connection->began;
    connection->have = 0;
    connection->busy = 0;
    return 1;
}

static int by_size(const void *left, const void *right) {
    double difference = *(const double *)left - *(const double *)right;
    return difference < 0 ? -1 : difference > 0;
}

static double share(double part) {
    return takens ? taken[(size_t)((takens - 1) * part)] * 1e6 : 0;
}

int main(int argc, char **argv) {
    if (argc < 9) { fprintf(stderr, "usage: load PORT PATH SCHEME SECRET CONNECTIONS SECONDS PER_SECOND RUN [COUNT]\n"); return 2; }
    port = atoi(argv[1]);
    path = argv[2];
    standard = !strcmp(argv[3], "standardwebhooks");
    count = atoi(argv[5]);
    double seconds = atof(argv[6]), rate = atof(argv[7]);
    run = argv[8];
    long most = argc > 9 ? atol(argv[9]) : 0;
    if (count < 1 || count > MOST_CONNECTIONS) { fprintf(stderr, "1 to %d connections\n", MOST_CONNECTIONS); return 2; }
    if (standard) {
        unsigned char secret[256];
        int length = EVP_DecodeBlock(secret, (unsigned char *)argv[4], strlen(argv[4]));
        for (size_t i = strlen(argv[4]); i && argv[4][i - 1] == '='; i--) length--;
        key(secret, length);
    } else key((unsigned char *)argv[4], strlen(argv[4]));
    prctl(PR_SET_TIMERSLACK, 1);
    int poll = epoll_create1(0);
    int *idle = malloc(count * sizeof *idle), idles = 0;
    for (int i = 0; i < count; i++) {
        open_connection(&connections[i]);
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        epoll_ctl(poll, EPOLL_CTL_ADD, connections[i].fd, &event);
        idle[idles++] = i;
    }
    double began = now(), until = began + seconds, deepest = 0;
    long due = 0;
    for (;;) {
        double moment = now();
        int over = moment >= until || (most && sent >= most);
        if (over && idles == count) break;
        while (!over && idles) {
            /* By the clock: one that starts late has waited since its moment. */
            double at = rate ? began + due / rate : 0;
            if (at > moment) break;
            if (at && moment - at > deepest) deepest = moment - at;
            due++;
            send_one(&connections[idle[--idles]], at);
            over = most && sent >= most;
        }
        struct epoll_event events[MOST_CONNECTIONS];
        struct timespec wait = {1, 0}, *limit = &wait;
        if (rate && !over && idles) {
            double left = began + due / rate - now();
            wait.tv_sec = 0;
            wait.tv_nsec = left > 0 ? (long)(left * 1e9) : 0;
        }
        int ready = epoll_pwait2(poll, events, MOST_CONNECTIONS, limit, NULL);
        if (ready < 0 && errno != EINTR) fail("epoll_pwait2");
        if (ready == 0 && !rate && now() > until + 30) { fprintf(stderr, "no answer for 30 s\n"); return 1; }
        for (int i = 0; i < ready; i++) {
            int which = events[i].data.u32;
            if (!connections[which].busy) { fprintf(stderr, "a connection was closed\n"); return 1; }
            if (!answered(&connections[which])) continue;
            moment = now();
            if (!rate && moment < until && (!most || sent < most)) send_one(&connections[which], 0);
            else idle[idles++] = which;
        }
    }
    double took = now() - began;
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double cpu = used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    qsort(taken, takens, sizeof *taken, by_size);
    printf("{\"kept\": %ld, \"duplicates\": %ld, \"others\": %ld, \"first_other\": %d, \"seconds\": %.4f, \"rate\": %.1f, "
        "\"p50\": %.0f, \"p90\": %.0f, \"p99\": %.0f, \"p999\": %.0f, \"max\": %.0f, \"behind\": %.0f, \"load_cpu\": %.3f}\n",
        kept, duplicates, others, first_other, took, kept / took, share(0.5), share(0.9), share(0.99), share(0.999),
        share(1), deepest * 1e6, cpu);
    return 0;
}
