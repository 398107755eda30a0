#include "model/towers/graph_table.h"

#include <string.h>

// The key's entry; the one that was used longest ago becomes it where there is none.
static struct graph_entry *entry_of(struct graph_table *table, const struct graph_key *key) {
    struct graph_entry *oldest = table->entry;
    for (int i = 0; i < GRAPHS; i++) {
        struct graph_entry *entry = &table->entry[i];
        if (entry->used && memcmp(&entry->key, key, sizeof *key) == 0) return entry;
        if (entry->used < oldest->used) oldest = entry;
    }
    oldest->key = *key;
    oldest->made = table->time;
    return oldest;
}

void graph_table_begin(struct graph_table *table, struct ops *ops, struct graph_key key, bool *issued) {
    table->time++;
    struct graph_entry *entry = entry_of(table, &key);
    entry->used = table->time;
    ops->graph_begin(ops, &entry->graph, entry->made, issued);
    table->open = *issued ? NULL : entry;
}

void graph_table_end(struct graph_table *table, struct ops *ops) {
    ops->graph_end(ops, &table->open->graph);
    table->open = NULL;
}

void graph_table_release(struct graph_table *table, struct ops *ops) {
    for (int i = 0; i < GRAPHS; i++) ops->graph_release(ops, &table->entry[i].graph);
}
