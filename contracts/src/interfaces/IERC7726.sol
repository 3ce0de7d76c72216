// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice ERC-7726, the common quote oracle: amounts in, amounts out, no factors to compose wrongly.
interface IERC7726 {
    /// @notice The value of `baseAmount` of `base` in `quote`, rounded down.
    function getQuote(uint256 baseAmount, address base, address quote) external view returns (uint256 quoteAmount);
}
