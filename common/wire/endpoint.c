// Addresses of edges, parsed and checked before a socket or a file is opened, so that the error names the option.
// Whether a tcp address leaves this host is decided here, by the address that its host stands for and not by how it is
// spelled. endpoint_open.c listens and connects.
#include "wire/endpoint.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fail.h"
#include "base/memory.h"
#include "base/text.h"

#define IPC "ipc://"
#define TCP "tcp://"
#define FILE_PREFIX "file:"

// ---- ipc

static int parse_ipc(struct endpoint *endpoint, const char *edge, const char *text) {
    const size_t limit = sizeof((struct sockaddr_un *)0)->sun_path - 1;
    const char *path = text + strlen(IPC);
    size_t length = strlen(path);
    if (length == 0) return error(EXIT_USAGE, "--%s %s: the path is missing", edge, text);
    if (*path == '@' || *path == '*')
        return error(EXIT_USAGE, "--%s %s: a socket without a file has no permissions; for a file say ipc://./%s", edge,
                     text, path);
    if (length > limit)
        return error(EXIT_USAGE,
                     "--%s %s: a socket's path holds %zu bytes, this has %zu; make it relative to --run-dir", edge,
                     text, limit, length);
    endpoint->kind = ENDPOINT_IPC;
    return 0;
}

// ---- tcp

struct place {
    char host[256], port[6];
    bool bracketed; // an IPv6 address
};

static bool take_port(struct place *place, const char *text, bool any) {
    if (any && !strcmp(text, "*")) text = "0";
    size_t length = strspn(text, "0123456789");
    if (!length || length >= sizeof place->port || text[length]) return false;
    strcpy(place->port, text);
    return atoi(text) >= !any && atoi(text) <= 65535;
}

// What ZeroMQ, too, takes for part of a name. Its SOURCE;HOST is not known here: which of the two would be this host?
static bool is_host(const char *host, bool bracketed) {
    if (!*host) return false;
    if (!bracketed && strcmp(host, "*") == 0) return true;
    for (; *host; host++)
        if (!isalnum((unsigned char)*host) && !strchr(bracketed ? ":.%-_" : ".-_", *host)) return false;
    return true;
}

static const char *const form = "a tcp address is tcp://HOST:PORT, with a port of 1 to 65535";

// HOST:PORT or [IPV6]:PORT. NULL, or what is wrong.
static const char *split(struct place *place, const char *text, bool any_port) {
    place->bracketed = *text == '[';
    const char *host = text + place->bracketed, *end = strchr(host, place->bracketed ? ']' : ':');
    if (!end || (place->bracketed && end[1] != ':')) return form;
    const char *port = end + 1 + place->bracketed;
    if (!place->bracketed && strchr(port, ':')) return "an IPv6 address stands in brackets: tcp://[ADDRESS]:PORT";
    if ((size_t)(end - host) >= sizeof place->host || !take_port(place, port, any_port)) return form;
    snprintf(place->host, sizeof place->host, "%.*s", (int)(end - host), host);
    return is_host(place->host, place->bracketed) ? NULL : form;
}

// Those that no name service need know (RFC 6761), and the ZeroMQ sign for every interface.
static const char *well_known(const char *host) {
    if (strcmp(host, "*") == 0) return "0.0.0.0";
    return strcasecmp(host, "localhost") == 0 || strcasecmp(host, "localhost.") == 0 ? "127.0.0.1" : host;
}

_Static_assert(sizeof(struct sockaddr_in6) <= ENDPOINT_PLACE, "an address does not fit");

static bool is_loopback(const struct endpoint *endpoint) {
    struct sockaddr_in four;
    struct sockaddr_in6 six;
    memcpy(&four, endpoint->place, sizeof four);
    memcpy(&six, endpoint->place, sizeof six);
    if (four.sin_family == AF_INET) return ntohl(four.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    const bool mapped = IN6_IS_ADDR_V4MAPPED(&six.sin6_addr) && six.sin6_addr.s6_addr[12] == IN_LOOPBACKNET;
    return mapped || IN6_IS_ADDR_LOOPBACK(&six.sin6_addr);
}

static void take_place(struct endpoint *endpoint, const void *place, socklen_t size) {
    memcpy(endpoint->place, place, size);
    endpoint->place_size = size;
    endpoint->loopback = is_loopback(endpoint);
}

// The first address of IPv4, else the first. Both ends of an edge are given one text, and come to one address by it.
static void look_up(struct endpoint *endpoint, const struct place *place) {
    const struct addrinfo wanted = {.ai_family = place->bracketed ? AF_INET6 : AF_UNSPEC,
                                    .ai_flags = AI_NUMERICSERV | (place->bracketed ? AI_NUMERICHOST : 0),
                                    .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    if (getaddrinfo(well_known(place->host), place->port, &wanted, &list)) return;
    const struct addrinfo *found = list;
    while (found && found->ai_family != AF_INET) found = found->ai_next;
    if (!found) found = list;
    take_place(endpoint, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(list);
}

// HOST may be the name of an interface: its first address of IPv4, as libzmq takes it.
static void look_up_interface(struct endpoint *endpoint, const struct place *place) {
    struct ifaddrs *list;
    if (getifaddrs(&list)) return;
    for (const struct ifaddrs *at = list; at && !endpoint->place_size; at = at->ifa_next) {
        if (strcmp(at->ifa_name, place->host) || !at->ifa_addr || at->ifa_addr->sa_family != AF_INET) continue;
        struct sockaddr_in own;
        memcpy(&own, at->ifa_addr, sizeof own);
        own.sin_port = htons((uint16_t)atoi(place->port));
        take_place(endpoint, &own, sizeof own);
    }
    freeifaddrs(list);
}

static int parse_tcp(struct endpoint *endpoint, const char *edge, const char *text, bool any_port) {
    struct place place;
    const char *wrong = split(&place, text + strlen(TCP), any_port);
    if (wrong) return error(EXIT_USAGE, "--%s %s: %s", edge, text, wrong);
    endpoint->kind = ENDPOINT_TCP;
    if (!place.bracketed) look_up_interface(endpoint, &place);
    if (!endpoint->place_size) look_up(endpoint, &place);
    if (endpoint->place_size || !place.bracketed) return 0;
    return error(EXIT_USAGE, "--%s %s: %s is no IPv6 address", edge, text, place.host);
}

// ----

static int parse(struct endpoint *endpoint, const char *edge, const char *text, bool any_port) {
    *endpoint = (struct endpoint){.address = text};
    if (text_begins(text, IPC)) return parse_ipc(endpoint, edge, text);
    if (text_begins(text, TCP)) return parse_tcp(endpoint, edge, text, any_port);
    if (strcmp(text, "-") == 0) {
        endpoint->kind = ENDPOINT_STREAM;
        return 0;
    }
    if (!text_begins(text, FILE_PREFIX) || !text[strlen(FILE_PREFIX)])
        return error(EXIT_USAGE, "--%s %s: an address is ipc://PATH, tcp://HOST:PORT, file:PATH or -", edge, text);
    endpoint->kind = ENDPOINT_FILE;
    endpoint->address = text + strlen(FILE_PREFIX);
    return 0;
}

int endpoint_parse(struct endpoint *endpoint, const char *edge, const char *text) {
    return parse(endpoint, edge, text, false);
}

int endpoint_parse_listener(struct endpoint *endpoint, const char *edge, const char *text) {
    return parse(endpoint, edge, text, true);
}

char *endpoint_of_rank(const char *address, int rank, int ranks) {
    const char *colon = strrchr(address, ':');
    if (ranks == 1 || text_begins(address, FILE_PREFIX) || !strcmp(address, "-")) return xstrdup(address);
    if (!colon || !text_begins(address, TCP)) return xformat("%s.%d", address, rank);
    return xformat("%.*s:%d", (int)(colon - address), address, atoi(colon + 1) + rank);
}
