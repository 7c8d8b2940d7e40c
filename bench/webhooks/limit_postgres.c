/* What PostgreSQL commits on this machine: a script's statements, prepared, over so many connections.
 *
 *   limit_postgres CONNINFO SCRIPT TURNS SECONDS CONNECTIONS
 *
 * So many turns go into one transaction, all of which is on the line before the first answer is awaited. With
 * TURNS 0 the script brings its own transactions, and waits where it says so, as a client does that sends one
 * statement after the other.
 */
#include "script.h"
#include <libpq-fe.h>
#include <pthread.h>

static struct script script;
static const char *conninfo;
static int turns;
static double seconds;
static pthread_barrier_t start;

struct worker {
    pthread_t thread;
    uint64_t chance;
    long done;
    size_t commits, room;
    double *taken;
};

static void fail(PGconn *line) {
    fprintf(stderr, "%s\n", PQerrorMessage(line));
    exit(1);
}

/* Takes in every answer up to the point of synchronisation. */
static void land(PGconn *line) {
    if (!PQpipelineSync(line)) fail(line);
    for (;;) {
        PGresult *result = PQgetResult(line);
        if (!result) continue;
        ExecStatusType status = PQresultStatus(result);
        if (status == PGRES_FATAL_ERROR || status == PGRES_PIPELINE_ABORTED) fail(line);
        PQclear(result);
        if (status == PGRES_PIPELINE_SYNC) return;
    }
}

static void once(PGconn *line, struct turn *turn) {
    static __thread char bytes[MOST_PARAMETERS][MOST_BYTES], numbers[MOST_PARAMETERS][24];
    turn->count = 0;
    for (int i = 0; i < script.count; i++) {
        struct step *step = &script.steps[i];
        if (!step->sql) { land(line); continue; }
        const char *values[MOST_PARAMETERS];
        int lengths[MOST_PARAMETERS] = {0}, formats[MOST_PARAMETERS] = {0};
        for (int place = 0; place < step->count; place++) {
            struct parameter *parameter = &step->parameters[place];
            switch (parameter->kind) {
            case 'I': case 'T': values[place] = parameter->text; break;
            case 'M': snprintf(numbers[place], sizeof numbers[place], "%lu", micros()); values[place] = numbers[place]; break;
            case 'U': values[place] = identifier(turn, parameter->text); break;
            case 'R': values[place] = turn->identifiers[parameter->number]; break;
            case 'B': noise(turn, bytes[place], parameter->number); values[place] = bytes[place];
                lengths[place] = parameter->number; formats[place] = 1; break;
            default: values[place] = NULL;
            }
        }
        char name[16];
        snprintf(name, sizeof name, "s%d", i);
        if (!PQsendQueryPrepared(line, name, step->count, values, lengths, formats, 0)) fail(line);
    }
}

static void *work(void *given) {
    struct worker *worker = given;
    struct turn turn = {.chance = worker->chance};
    PGconn *line = PQconnectdb(conninfo);
    if (PQstatus(line) != CONNECTION_OK) fail(line);
    for (int i = 0; i < script.count; i++) {
        if (!script.steps[i].sql) continue;
        char name[16];
        snprintf(name, sizeof name, "s%d", i);
        PGresult *result = PQprepare(line, name, script.steps[i].sql, 0, NULL);
        if (PQresultStatus(result) != PGRES_COMMAND_OK) fail(line);
        PQclear(result);
    }
    PQclear(PQprepare(line, "begin", "BEGIN", 0, NULL));
    PQclear(PQprepare(line, "commit", "COMMIT", 0, NULL));
    PQenterPipelineMode(line);
    pthread_barrier_wait(&start);
    double began = now();
    while (now() - began < seconds) {
        double before = now();
        if (turns) {
            PQsendQueryPrepared(line, "begin", 0, NULL, NULL, NULL, 0);
            for (int each = 0; each < turns; each++) once(line, &turn);
            PQsendQueryPrepared(line, "commit", 0, NULL, NULL, NULL, 0);
            land(line);
        } else once(line, &turn);
        worker->done += turns ? turns : 1;
        if (worker->commits == worker->room)
            worker->taken = realloc(worker->taken, (worker->room = worker->room ? 2 * worker->room : 4096) * sizeof(double));
        worker->taken[worker->commits++] = now() - before;
    }
    PQfinish(line);
    return NULL;
}

int main(int argc, char **argv) {
    if (argc != 6) return 2;
    conninfo = argv[1];
    read_script(argv[2], &script);
    turns = atoi(argv[3]);
    seconds = atof(argv[4]);
    int count = atoi(argv[5]);
    struct worker *workers = calloc(count, sizeof *workers);
    pthread_barrier_init(&start, NULL, count + 1);
    for (int i = 0; i < count; i++) {
        workers[i].chance = micros() * 0x9e3779b97f4a7c15ull + i * 0xbf58476d1ce4e5b9ull + 1;
        pthread_create(&workers[i].thread, NULL, work, &workers[i]);
    }
    pthread_barrier_wait(&start);
    double began = now();
    long done = 0;
    size_t commits = 0;
    for (int i = 0; i < count; i++) {
        pthread_join(workers[i].thread, NULL);
        done += workers[i].done;
        commits += workers[i].commits;
    }
    double took = now() - began, *taken = malloc(commits * sizeof *taken);
    for (int i = 0, at = 0; i < count; at += workers[i++].commits)
        memcpy(taken + at, workers[i].taken, workers[i].commits * sizeof *taken);
    qsort(taken, commits, sizeof *taken, by_size);
    printf("{\"rate\": %.1f, \"n\": %ld, \"p50\": %.0f, \"p99\": %.0f}\n", done / took, done,
        taken[(commits - 1) / 2] * 1e6, taken[(size_t)((commits - 1) * 0.99)] * 1e6);
    return 0;
}
