/* A script of statements with what their parameters are made of, read from a file of lines:
 *
 *   S sql        a statement, $1 … in order
 *   I number     a parameter: this number
 *   M            the moment, in microseconds
 *   T text       this text
 *   U text       an identifier of this form that nobody had: its last 26 characters are a moment and chance
 *   R n          the n-th identifier of this turn, from 0
 *   B n          n bytes of chance
 *   N            nothing
 *   W            wait for all answers (PostgreSQL alone)
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOST_STEPS 32
#define MOST_PARAMETERS 24
#define MOST_BYTES 8192

struct parameter {
    char kind;
    long number;
    char *text;
};

struct step {
    char *sql; /* none where this is a wait */
    int count;
    struct parameter parameters[MOST_PARAMETERS];
};

struct script {
    int count;
    struct step steps[MOST_STEPS];
};

/* The identifiers of one turn, and chance. */
struct turn {
    uint64_t chance;
    int count;
    char identifiers[8][64];
};

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static uint64_t chance(struct turn *turn) {
    turn->chance ^= turn->chance << 13;
    turn->chance ^= turn->chance >> 7;
    return turn->chance ^= turn->chance << 17;
}

static uint64_t micros(void) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return time.tv_sec * 1000000ull + time.tv_nsec / 1000;
}

static const char *identifier(struct turn *turn, const char *form) {
    static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
    char *out = turn->identifiers[turn->count++];
    size_t length = strlen(form);
    memcpy(out, form, length + 1);
    uint64_t moment = micros() / 1000;
    for (int i = 9; i >= 0; i--, moment >>= 5) out[length - 26 + i] = alphabet[moment & 31];
    uint64_t random = 0;
    for (int i = 0; i < 16; i++, random >>= 5) {
        if (i % 12 == 0) random = chance(turn);
        out[length - 16 + i] = alphabet[random & 31];
    }
    return out;
}

static void noise(struct turn *turn, char *out, long length) {
    for (long i = 0; i < length; i += 8) {
        uint64_t random = chance(turn);
        memcpy(out + i, &random, length - i < 8 ? length - i : 8);
    }
}

static void read_script(const char *path, struct script *script) {
    FILE *file = fopen(path, "r");
    if (!file) { perror(path); exit(1); }
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    while ((length = getline(&line, &room, file)) > 0) {
        if (line[length - 1] == '\n') line[--length] = 0;
        char *rest = length > 2 ? line + 2 : line + length;
        if (line[0] == 'S' || line[0] == 'W') {
            if (script->count == MOST_STEPS) { fprintf(stderr, "too many steps\n"); exit(1); }
            script->steps[script->count++].sql = line[0] == 'S' ? strdup(rest) : NULL;
            continue;
        }
        struct step *step = &script->steps[script->count - 1];
        struct parameter *parameter = &step->parameters[step->count++];
        parameter->kind = line[0];
        parameter->number = strtol(rest, NULL, 10);
        parameter->text = strdup(rest);
        if (line[0] == 'B' && parameter->number > MOST_BYTES) { fprintf(stderr, "too many bytes\n"); exit(1); }
    }
    free(line);
    fclose(file);
}

static int by_size(const void *left, const void *right) {
    double difference = *(const double *)left - *(const double *)right;
    return difference < 0 ? -1 : difference > 0;
}
