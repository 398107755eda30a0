// Accuracies by the names that CLIP_benchmark gives them: whoever classifies pictures says the same three numbers.
#include "accuracies.h"

void accuracies_json(const struct accuracy *a, json_t **metrics, json_t **chance) {
    const double n = (double)a->images, C = (double)a->C;
    *metrics = json_pack("{s:f}", "acc1", (double)a->top1 / n);
    *chance = json_pack("{s:f}", "acc1", 1 / C);
    if (a->C >= 5) {
        json_object_set_new(*metrics, "acc5", json_real((double)a->top5 / n));
        json_object_set_new(*chance, "acc5", json_real(5 / C));
    }
    json_object_set_new(*metrics, "mean_per_class_recall", json_real(accuracy_mean_per_class(a)));
    json_object_set_new(*chance, "mean_per_class_recall", json_real(1 / C));
}
