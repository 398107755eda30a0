// One request to the server of an object and what its answer means. Private.
#pragma once

#include "base/memory.h"
#include "remote/aws.h"
#include "remote/connection.h"

struct exchange {
    const char *object; // its URL as the user wrote it, borrowed, for messages
    const struct remote_options *options;
    struct connection *connection;
    bool is_s3;
    struct aws aws;
    char *url, *sigv4;
    struct strings header;
    struct remote_request request;
    struct remote_answer answer;
};
// Prepares a request; lines may be added to header. 0, then exchange_end whatever follows; or -code.
int exchange_prepare(struct exchange *exchange, const char *object, const char *method,
                     const struct remote_options *options, struct failure *failure);
// Until the headers of an answer are here, whatever its status is. 0 or -code
int exchange_begin(struct exchange *exchange, struct failure *failure);
ssize_t exchange_read(struct exchange *exchange, void *bytes, size_t size, struct failure *failure); // of its body
void exchange_end(struct exchange *exchange);

// What a status that brings no object means: passing or not, with what S3 says of it. -code
int exchange_refusal(struct exchange *exchange, struct failure *failure);
