/* The other source file of tail.c. */
extern int join(int n);

__attribute__((noipa)) int far_away(int n)
{
    return join(n + 7);
}
