int helper(int value, int more);
