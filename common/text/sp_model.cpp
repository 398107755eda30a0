// The one file in C++: SentencePiece has no C interface. Exceptions end here, since frames of C above could not be
// unwound; vocabulary_sentencepiece.c calls.
#include "text/sp_model.h"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <sentencepiece_processor.h>

struct sp_model {
    sentencepiece::SentencePieceProcessor processor;
};

static void load(sp_model &model, const void *bytes, size_t size) {
    const auto status = model.processor.LoadFromSerializedProto({static_cast<const char *>(bytes), size});
    if (status.code() == sentencepiece::util::StatusCode::kInternal) // its words are a line of its source
        throw std::runtime_error("the file is cut or damaged");
    if (!status.ok()) throw std::runtime_error(status.message());
    if (model.processor.GetPieceSize() <= 0) throw std::runtime_error("it has no pieces");
}

sp_model *sp_model_new(const void *bytes, size_t size, char reason[SP_REASON]) try {
    auto model = std::make_unique<sp_model>();
    load(*model, bytes, size);
    return model.release();
} catch (const std::exception &failure) {
    snprintf(reason, SP_REASON, "%s", failure.what());
    return nullptr;
} catch (...) {
    snprintf(reason, SP_REASON, "it cannot be loaded");
    return nullptr;
}

void sp_model_free(sp_model *model) {
    delete model;
}

sp_ids sp_model_ids(const sp_model *model) {
    const auto &p = model->processor;
    return {p.GetPieceSize(), p.pad_id(), p.bos_id(), p.eos_id()};
}

// A text that SentencePiece refuses has no pieces.
int sp_model_encode(const sp_model *model, const char *text, size_t size, int32_t *ids, int capacity) try {
    std::vector<int> all;
    if (!model->processor.Encode({text, size}, &all).ok()) return 0;
    const auto count = std::min<size_t>(all.size(), capacity);
    std::copy_n(all.begin(), count, ids);
    return static_cast<int>(count);
} catch (...) {
    return 0;
}

void sp_model_decode(const sp_model *model, const int32_t *ids, int count,
                     void (*append)(void *context, const char *bytes, size_t size), void *context) try {
    std::string text;
    std::vector<int> known;
    for (int i = 0; i < count; i++)
        if (!model->processor.IsUnknown(ids[i])) known.push_back(ids[i]);
    if (model->processor.Decode(known, &text).ok())
        append(context, text.data(), text.size());
} catch (...) {
}
