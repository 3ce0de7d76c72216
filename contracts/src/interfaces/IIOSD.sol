// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";

/// @title IOSD, the credit that always costs one dollar of IO
/// @notice ERC-20 with permit, 18 decimals. Made only by burning IO, and destroyed only by the escrow that it was
/// spent from.
/// @dev WARNING: it is not freely transferable. It moves between its holder and the escrow, nowhere else, so it cannot
/// be pooled, lent or sold.
interface IIOSD is IERC20, IERC20Permit {
    /// @notice `caller` is not the one account that may do this.
    error Unauthorized(address caller, address required);

    /// @notice One end of every transfer must be the escrow.
    error TransferRestricted(address from, address to, address escrow);

    /// @notice The only account that can mint.
    function burner() external view returns (address);

    /// @notice The one account that IOSD can be moved to and from; zero means that it cannot be moved at all.
    function escrow() external view returns (address);

    /// @notice Creates `amount` for `to`. Only the burner.
    function mint(address to, uint256 amount) external;

    /// @notice Destroys `amount` of the escrow's own balance. Only the escrow.
    function spend(uint256 amount) external;
}
