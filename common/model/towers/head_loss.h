// What a head's scores lose, on the host in f64: few numbers, whatever computed them.
//
// Targets are sparse: of sample b, up to K labels with shares; label −1 is none.
//   softmax  t = (1 − ε)·shares / Σ shares + ε/C;  L = −Σ_c t_c · log softmax(s)_c   (label smoothing ε: Szegedy et
//   al.,
//            arXiv 1512.00567, as torch.nn.CrossEntropyLoss has it). A sample without a share loses nothing.
//   sigmoid  L = Σ_c −t_c·log σ(s_c) − (1 − t_c)·log σ(−s_c), t the shares as they are, ε towards ½ (VQA's bottom-up
//            lineage: binary cross-entropy summed over the answers).
#pragma once

#include <stdint.h>

enum head_loss_kind { HEAD_SOFTMAX, HEAD_SIGMOID };

struct head_targets {
    int K;
    const int32_t *label; // [B,K]
    const float *share;   // [B,K], 0 … 1
};

struct head_loss {
    double sum;      // over the samples
    int64_t correct; // samples whose best score is of a label with the largest share
};

// scores f32 [B,C]. d_scores, unless NULL, becomes `scale` times the gradient of the sum. Labels are below C.
struct head_loss head_loss_run(enum head_loss_kind kind, const float *scores, int B, int C,
                               const struct head_targets *targets, double smoothing, double scale, float *d_scores);
