/* Reads what a model in C is asked: texts, or tokens where it reads no texts, each behind its number of bytes in hexadecimal
   and a line break. Prints what it says in a line: the result, and scores in hexadecimal, which lose nothing. */
#include "NAME.h"
#include <stdio.h>
#include <stdlib.h>

int main(void) {
    static float scores[OUTPUTS];
    unsigned long n;
    while (scanf("%lx", &n) == 1) {
        char *text = malloc(n + 1);
        int i, result;
        if (text == 0 || getchar() != '\n' || fread(text, 1, n, stdin) != n) {
            return 1;
        }
        text[n] = 0;
        result = CALL;
        free(text);
        printf("%d", result);
        for (i = 0; i < OUTPUTS; i++) {
            printf(" %a", (double)scores[i]);
        }
        printf("\n");
        fflush(stdout);
    }
    return 0;
}
