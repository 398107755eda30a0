// Addresses of edges, parsed and checked before a socket or a file is opened, so that the error names the option.
// Whether a tcp address leaves this host is decided here, by the address that its host stands for and not by how it is
// spelled. endpoint_open.c listens and connects.
#include "wire/endpoint.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fail.h"
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

static bool take_port(struct place *place, const char *text) {
    size_t length = strspn(text, "0123456789");
    if (!length || length >= sizeof place->port || text[length]) return false;
    strcpy(place->port, text);
    return atoi(text) >= 1 && atoi(text) <= 65535;
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
static const char *split(struct place *place, const char *text) {
    place->bracketed = *text == '[';
    const char *host = text + place->bracketed, *end = strchr(host, place->bracketed ? ']' : ':');
    if (!end || (place->bracketed && end[1] != ':')) return form;
    const char *port = end + 1 + place->bracketed;
    if (!place->bracketed && strchr(port, ':')) return "an IPv6 address stands in brackets: tcp://[ADDRESS]:PORT";
    if ((size_t)(end - host) >= sizeof place->host || !take_port(place, port)) return form;
    snprintf(place->host, sizeof place->host, "%.*s", (int)(end - host), host);
    return is_host(place->host, place->bracketed) ? NULL : form;
}

// Those that no name service need know (RFC 6761), and the ZeroMQ sign for every interface.
static const char *well_known(const char *host) {
    if (strcmp(host, "*") == 0) return "0.0.0.0";
    return strcasecmp(host, "localhost") == 0 || strcasecmp(host, "localhost.") == 0 ? "127.0.0.1" : host;
}

static bool is_loopback(const struct sockaddr *address) {
    if (address->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    const struct in6_addr *six = &((const struct sockaddr_in6 *)address)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == IN_LOOPBACKNET);
}

static void take_address(struct endpoint *endpoint, const struct addrinfo *found, const char *port) {
    char host[64];
    if (getnameinfo(found->ai_addr, found->ai_addrlen, host, sizeof host, NULL, 0, NI_NUMERICHOST)) return;
    endpoint->known = true;
    endpoint->ipv6 = found->ai_family == AF_INET6;
    endpoint->loopback = is_loopback(found->ai_addr);
    snprintf(endpoint->numeric, sizeof endpoint->numeric, endpoint->ipv6 ? TCP "[%s]:%s" : TCP "%s:%s", host, port);
}

// The first address of IPv4, else the first. Both ends of an edge are given one text, and come to one address by it.
static void look_up(struct endpoint *endpoint, const struct place *place) {
    const struct addrinfo wanted = {.ai_family = place->bracketed ? AF_INET6 : AF_UNSPEC,
                                    .ai_flags = place->bracketed ? AI_NUMERICHOST : 0,
                                    .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    if (getaddrinfo(well_known(place->host), NULL, &wanted, &list)) return;
    const struct addrinfo *found = list;
    while (found && found->ai_family != AF_INET) found = found->ai_next;
    take_address(endpoint, found ? found : list, place->port);
    freeaddrinfo(list);
}

static int parse_tcp(struct endpoint *endpoint, const char *edge, const char *text) {
    struct place place;
    const char *wrong = split(&place, text + strlen(TCP));
    if (wrong) return error(EXIT_USAGE, "--%s %s: %s", edge, text, wrong);
    endpoint->kind = ENDPOINT_TCP;
    look_up(endpoint, &place);
    if (endpoint->known || !place.bracketed) return 0;
    return error(EXIT_USAGE, "--%s %s: %s is no IPv6 address", edge, text, place.host);
}

// ----

int endpoint_parse(struct endpoint *endpoint, const char *edge, const char *text) {
    *endpoint = (struct endpoint){.address = text};
    if (text_begins(text, IPC)) return parse_ipc(endpoint, edge, text);
    if (text_begins(text, TCP)) return parse_tcp(endpoint, edge, text);
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
